// SPDX-License-Identifier: GPL-2.0-or-later
// The unix socket at which a daemon can be asked.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>

namespace ctflow {

/// The file of the socket; it vanishes with this object, unless another took its place.
class StatusSocket {
 public:
  /// Listens at `path`, for the owner and the group (mode 0660). The last directory is made if it
  /// is missing; a socket that a dead process left behind is replaced. Throws std::runtime_error
  /// with what to do: when something answers there, when it is no socket, or it cannot be made.
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
