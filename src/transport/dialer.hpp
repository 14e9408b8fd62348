// SPDX-License-Identifier: GPL-2.0-or-later
// Makes connections to one collector: name, addresses, socket, handshake, within a time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ctflow/config.hpp"
#include "transport/connection.hpp"

namespace ctflow {

struct DialResult {
  std::shared_ptr<Connection> connection;  ///< null: see error
  std::string error;
  bool refused = false;  ///< a host answered that nobody listens there
  std::chrono::steady_clock::duration took{};
};

class Dialer {
 public:
  using Answer = std::function<void(const DialResult&)>;
  /// A connection that is not open yet. May throw std::exception, whose what() is for the user.
  using Make = std::function<std::shared_ptr<Connection>()>;

  Dialer(boost::asio::io_context& io, const CollectorConfig& config, Make make);

  /// Tries every address of the collector once. One attempt at a time; a name is looked up anew for
  /// each. The answer comes from the event loop, unless cancel() or the destructor is faster.
  void dial(Answer answer);
  void cancel() { attempt_.reset(); }

  [[nodiscard]] bool dialing() const { return attempt_ != nullptr; }
  /// True while the name service works, also for a cancelled attempt.
  [[nodiscard]] bool lookup_running() const { return *lookups_ > 0; }
  /// For logs: the address tried last, or the name.
  [[nodiscard]] const std::string& peer() const { return peer_; }

 private:
  using Endpoint = boost::asio::ip::tcp::endpoint;
  struct Attempt;

  void look_up(const std::shared_ptr<Attempt>& attempt);
  void try_next(const std::shared_ptr<Attempt>& attempt);
  void on_connected(const std::shared_ptr<Attempt>& attempt,
                    const std::shared_ptr<Connection>& connection);
  void finish(const std::shared_ptr<Attempt>& attempt, DialResult result);
  void open(Connection& connection, const Endpoint& endpoint, Connection::Error& error) const;

  boost::asio::io_context& io_;
  CollectorConfig config_;
  Make make_;
  boost::asio::ip::tcp::resolver resolver_;
  std::shared_ptr<int> lookups_ = std::make_shared<int>(0);
  std::string peer_;
  std::shared_ptr<Attempt> attempt_;  ///< handlers of others find nothing to do
};

}  // namespace ctflow
