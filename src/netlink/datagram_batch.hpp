// SPDX-License-Identifier: GPL-2.0-or-later
// Receives many netlink datagrams with one system call.
#pragma once

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "netlink/attributes.hpp"

namespace ctflow {

/// One received datagram. Valid until the next receive().
struct Datagram {
  Bytes bytes;
  bool truncated = false;    ///< larger than the buffer; `bytes` is its beginning
  bool from_kernel = false;  ///< sent by the kernel, not by a process
};

class DatagramBatch {
 public:
  /// Room for `count` datagrams of `size` octets.
  DatagramBatch(std::size_t count, std::size_t size);

  DatagramBatch(const DatagramBatch&) = delete;
  DatagramBatch& operator=(const DatagramBatch&) = delete;
  DatagramBatch(DatagramBatch&&) = delete;
  DatagramBatch& operator=(DatagramBatch&&) = delete;
  ~DatagramBatch() = default;

  /// Receives what is waiting at a socket, without waiting for more. Empty with no error: nothing
  /// waits. std::errc::no_buffer_space: the kernel dropped some because there was no room.
  std::span<const Datagram> receive(int socket, std::error_code& error);

 private:
  std::size_t size_;
  /// Written by the kernel alone, so that what it does not use takes no memory.
  std::unique_ptr<std::byte[]> storage_;
  std::vector<Datagram> datagrams_;
  std::vector<iovec> vectors_;
  std::vector<sockaddr_nl> senders_;
  std::vector<mmsghdr> headers_;
};

}  // namespace ctflow
