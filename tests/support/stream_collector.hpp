// SPDX-License-Identifier: GPL-2.0-or-later
// A collector on the loopback interface, in the event loop of the test. It keeps what each
// connection brought and cuts it into IPFIX messages.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "support/kept_messages.hpp"

namespace ctflow::test {

using boost::asio::ip::tcp;

/// Runs the loop until `condition` holds; false when that takes too long.
inline bool run_until(boost::asio::io_context& io, const std::function<bool()>& condition,
                      std::chrono::milliseconds patience = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds(10));
  }
  return true;
}

/// What came over one connection.
struct Received {
  std::vector<std::byte> octets;
  bool ended = false;
  tcp::endpoint peer;

  /// All whole messages.
  [[nodiscard]] std::vector<std::vector<std::byte>> messages() const {
    std::vector<std::vector<std::byte>> all;
    for (std::size_t at = 0; octets.size() - at >= 16;) {
      const std::size_t length = wire::load<std::uint16_t>(octets, at + 2);
      if (length < 16 || length > octets.size() - at) break;
      const auto begin = octets.begin() + static_cast<std::ptrdiff_t>(at);
      all.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(length));
      at += length;
    }
    return all;
  }
  [[nodiscard]] std::vector<int> tags() const {
    std::vector<int> all;
    for (const auto& message : messages()) all.push_back(tag_of(message));
    return all;
  }
  [[nodiscard]] std::vector<std::uint32_t> sequences() const {
    std::vector<std::uint32_t> all;
    for (const auto& message : messages()) all.push_back(sequence_of(message));
    return all;
  }
};

class StreamCollector {
 public:
  /// `receive_buffer`: octets that fit in before anything is read, 0 for the system's own choice.
  explicit StreamCollector(boost::asio::io_context& io, std::uint16_t port = 0,
                           int receive_buffer = 0)
      : acceptor_(io) {
    acceptor_.open(tcp::v4());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    if (receive_buffer != 0) {
      setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_RCVBUF, &receive_buffer,
                 sizeof receive_buffer);
    }
    acceptor_.bind(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
    acceptor_.listen();
    accept();
  }
  ~StreamCollector() { *alive_ = false; }
  StreamCollector(const StreamCollector&) = delete;
  StreamCollector& operator=(const StreamCollector&) = delete;
  StreamCollector(StreamCollector&&) = delete;
  StreamCollector& operator=(StreamCollector&&) = delete;

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] std::size_t connections() const { return sessions_.size(); }
  [[nodiscard]] const Received& received(std::size_t connection) const {
    return sessions_.at(connection)->received;
  }

  /// Whether accepted connections are read.
  void set_reading(bool reading) {
    assembler_ = reading;
    if (reading && !sessions_.empty()) read(sessions_.back());
  }
  /// Closes the last connection, by FIN or by RST.
  void close(bool reset) {
    tcp::socket& socket = sessions_.back()->socket;
    if (reset) socket.set_option(tcp::socket::linger(true, 0));
    socket.close();
  }

 private:
  struct Session {
    explicit Session(tcp::socket from) : socket(std::move(from)) {}
    tcp::socket socket;
    std::array<std::byte, 4096> room{};
    Received received;
  };

  void accept() {
    acceptor_.async_accept(
        [this, alive = alive_](const boost::system::error_code& error, tcp::socket socket) {
          if (error || !*alive) return;
          sessions_.push_back(std::make_shared<Session>(std::move(socket)));
          sessions_.back()->received.peer = sessions_.back()->socket.remote_endpoint();
          if (assembler_) read(sessions_.back());
          accept();
        });
  }

  void read(const std::shared_ptr<Session>& session) {
    session->socket.async_read_some(
        boost::asio::buffer(session->room),
        [this, session, alive = alive_](const boost::system::error_code& error, std::size_t size) {
          if (!*alive) return;
          const auto& room = session->room;
          auto& octets = session->received.octets;
          octets.insert(octets.end(), room.begin(), room.begin() + static_cast<long>(size));
          session->received.ended = static_cast<bool>(error);
          if (!error && assembler_) read(session);
        });
  }

  tcp::acceptor acceptor_;
  bool assembler_ = true;
  std::vector<std::shared_ptr<Session>> sessions_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace ctflow::test
