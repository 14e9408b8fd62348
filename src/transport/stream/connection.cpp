// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/connection.hpp"

#include <netinet/tcp.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "transport/address/socket_options.hpp"

namespace ctflow {
namespace {

class TcpConnection : public Connection {
 public:
  explicit TcpConnection(boost::asio::io_context& io) : socket_(io) {}

  Socket& socket() override { return socket_; }
  void start(Done guarded) override {
    boost::asio::post(socket_.get_executor(),
                      [guarded = std::move(guarded)]() mutable { guarded({}); });
  }
  void write(Moved guarded) override {
    boost::asio::async_write(socket_, boost::asio::buffer(out), std::move(guarded));
  }
  void read(Moved guarded) override {
    socket_.async_read_some(boost::asio::buffer(in), std::move(guarded));
  }
  void say_goodbye() override {
    Error ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  [[nodiscard]] bool conceals_length() const override { return false; }
  [[nodiscard]] bool may_refuse_late() const override { return false; }
  [[nodiscard]] std::string reason(const Error& error) const override {
    return error == boost::asio::error::eof ? "closed by the collector" : error.message();
  }

 private:
  Socket socket_;
};

}  // namespace

void Connection::close() {
  Error ignored;
  socket().close(ignored);
}

void tune(Connection& connection) {
  Connection::Error ignored;  // a kernel without one of these still carries messages
  const int on = 1;
  Connection::Socket& socket = connection.socket();
  const auto set = [&](int level, int name, int value) {
    set_option(socket, level, name, &value, sizeof value, ignored);
  };
  set(IPPROTO_TCP, TCP_NODELAY, on);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 20'000);  // milliseconds without acknowledgement
  set(SOL_SOCKET, SO_KEEPALIVE, on);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);  // seconds
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
  // What the peer has no room for is better kept here, where it is not in two places at once when
  // the connection breaks.
  set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 65'536);
}

std::shared_ptr<Connection> make_tcp_connection(boost::asio::io_context& io) {
  return std::make_shared<TcpConnection>(io);
}

}  // namespace ctflow
