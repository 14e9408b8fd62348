// SPDX-License-Identifier: GPL-2.0-or-later
// An octet stream to a collector over TCP, encrypted or not.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "ctflow/transport_status.hpp"
#include "event_loop/pending_handlers.hpp"

namespace ctflow {

/// Held by the handler of each of its operations: it must exist until the last one has ended, also
/// when its owner has closed it.
class Connection {
 public:
  using Error = boost::system::error_code;
  using Socket = boost::asio::ip::tcp::socket;
  using Done = AnyGuardedHandler<const Error&>;
  using Moved = AnyGuardedHandler<const Error&, std::size_t>;

  virtual ~Connection() = default;

  virtual Socket& socket() = 0;

  /// What is needed between the TCP connection and the first message.
  virtual void start(Done done) = 0;
  /// All of `out`.
  virtual void write(Moved moved) = 0;
  /// Some octets into `in`; collectors send nothing, so only the end of the connection matters.
  virtual void read(Moved moved) = 0;
  /// Ends the connection to the peer, without waiting.
  virtual void say_goodbye() = 0;

  /// How many octets the connection carries for a message cannot be known before it is written: one
  /// at a time.
  [[nodiscard]] virtual bool conceals_length() const = 0;
  /// The peer may still refuse us after start().
  [[nodiscard]] virtual bool may_refuse_late() const = 0;
  /// Once start() is done: with which certificates; nothing without TLS.
  [[nodiscard]] virtual std::vector<Certificate> certificates() const { return {}; }
  /// For logs: why an operation failed.
  [[nodiscard]] virtual std::string reason(const Error& error) const = 0;

  void close();

  std::vector<std::byte> out;
  std::array<std::byte, 512> in{};
};

/// What keeps a dead peer from being taken for a silent one, and messages from waiting for others.
void tune(Connection& connection);

std::shared_ptr<Connection> make_tcp_connection(boost::asio::io_context& io);

}  // namespace ctflow
