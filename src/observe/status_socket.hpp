// SPDX-License-Identifier: GPL-2.0-or-later
// The unix socket of the status.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>

namespace ctflow {

/// The file of the socket; removed with this object, unless another one has replaced it.
class StatusSocket {
 public:
  /// Listens at `path`, for the owner and the group (mode 0660). The last directory is created if
  /// it is missing; a socket left by a process that has ended is replaced. Throws
  /// std::runtime_error with what to do: if a process listens there, it is not a socket, or it
  /// cannot be created.
  StatusSocket(boost::asio::io_context& io, std::string path);
  ~StatusSocket();

  StatusSocket(const StatusSocket&) = delete;
  StatusSocket& operator=(const StatusSocket&) = delete;
  StatusSocket(StatusSocket&&) = delete;
  StatusSocket& operator=(StatusSocket&&) = delete;

  /// To be called once.
  boost::asio::local::stream_protocol::acceptor take_acceptor() { return std::move(acceptor_); }

 private:
  std::string path_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace ctflow
