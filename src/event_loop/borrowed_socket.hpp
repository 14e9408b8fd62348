// SPDX-License-Identifier: GPL-2.0-or-later
// Waits until a socket that belongs to a library can be read or written.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <system_error>

#include "event_loop/pending_handlers.hpp"

namespace ctflow {

/// One wait at a time: another one, close() and the destructor take the place of the one before,
/// also when it is queued.
class BorrowedSocket {
 public:
  explicit BorrowedSocket(boost::asio::io_context& io) : socket_(io) {}

  /// Takes another number of the socket: the library may close its own meanwhile.
  std::error_code borrow(int descriptor);
  void close();
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }

  /// `work` is called for each of the two that comes.
  template <typename Work>
  void wait(bool read, bool write, Work work) {
    pending_.revoke();
    boost::system::error_code ignored;
    socket_.cancel(ignored);
    const auto begin = [&](boost::asio::posix::stream_descriptor::wait_type what) {
      socket_.async_wait(what, pending_.guard([work](const boost::system::error_code& error) {
        if (!error) work();
      }));
    };
    if (read) begin(boost::asio::posix::stream_descriptor::wait_read);
    if (write) begin(boost::asio::posix::stream_descriptor::wait_write);
  }

 private:
  boost::asio::posix::stream_descriptor socket_;
  PendingHandlers pending_;
};

}  // namespace ctflow
