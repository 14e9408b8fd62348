// SPDX-License-Identifier: GPL-2.0-or-later
// Makes connections to one collector: name, addresses, socket, handshake, within a time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ctflow/config.hpp"
#include "ctflow/transport_status.hpp"
#include "event_loop/pending_handlers.hpp"
#include "transport/address/lookup.hpp"
#include "transport/stream/connection.hpp"

namespace ctflow {

struct DialResult {
  std::shared_ptr<Connection> connection;  ///< null: see error
  std::string error;
  FailureKind failure = FailureKind::kNone;  ///< what `error` is about
  std::chrono::steady_clock::duration took{};
};

/// Whether `address` is the path of a unix socket, which then has no port.
inline bool is_unix_socket(const CollectorConfig& config) {
  return !config.address.empty() && config.address.front() == '/';
}

class Dialer {
 public:
  using Answer = std::function<void(const DialResult&)>;
  /// A connection that is not open yet. May throw std::exception, whose what() is for the user.
  using Make = std::function<std::shared_ptr<Connection>()>;

  /// `patience`: for one attempt, the look-up and all addresses together. An address that does not
  /// answer has its share of what is left, so that those behind it are tried, too.
  Dialer(boost::asio::io_context& io, const CollectorConfig& config, Make make,
         std::chrono::milliseconds patience = std::chrono::seconds(10));
  ~Dialer();

  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;
  Dialer(Dialer&&) = delete;
  Dialer& operator=(Dialer&&) = delete;

  /// Tries every address of the collector once. One attempt at a time; a name is looked up anew for
  /// each. The answer comes from the event loop, unless cancel() or the destructor comes first.
  void dial(Answer answer);
  void cancel();

  [[nodiscard]] bool dialing() const { return attempt_ != nullptr; }
  /// True while the name service works, also for a cancelled attempt.
  [[nodiscard]] bool lookup_running() const { return lookup_.running(); }
  /// For logs: the address tried last, or the name.
  [[nodiscard]] const std::string& peer() const { return peer_; }

 private:
  using Endpoint = boost::asio::ip::tcp::endpoint;
  struct Attempt;

  /// Of a unix socket.
  void connect_to_path();
  void look_up();
  void on_answer(const Connection::Error& error, const Lookup::Addresses& found);
  void give_up();
  /// Goes on to the next address, if there is one, in time.
  void share_patience();
  void try_next();
  void on_connected(const std::shared_ptr<Connection>& connection);
  /// The last thing that is done for an attempt: the answer may destroy the dialer.
  void finish(DialResult result);
  void open(Connection& connection, const Endpoint& endpoint, Connection::Error& error) const;

  boost::asio::io_context& io_;
  CollectorConfig config_;
  Make make_;
  std::chrono::milliseconds patience_;
  Lookup lookup_;  ///< goes on when its attempt is cancelled; the next one takes its answer
  std::string peer_;
  std::unique_ptr<Attempt> attempt_;  ///< null: none; its handlers end with it
};

}  // namespace ctflow
