// SPDX-License-Identifier: GPL-2.0-or-later
// A netlink socket that receives the events of one or more multicast groups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

#include "netlink/datagram_batch.hpp"

struct mnl_socket;

namespace ctflow {

/// What the kernel tells of a socket's queue (SO_MEMINFO).
struct QueueState {
  std::size_t used = 0;   ///< octets that wait, with the kernel's bookkeeping
  std::size_t limit = 0;  ///< octets at which the kernel begins to drop
  std::uint32_t dropped =
      0;  ///< datagrams that found no room since the socket was opened, mod 2^32
};

class NetlinkSocket {
 public:
  static constexpr std::size_t kBatch = 64;           ///< datagrams per receive()
  static constexpr std::size_t kDatagramSize = 8192;  ///< octets; an event has less than 1 KiB

  /// Opens a non-blocking NETLINK_NETFILTER socket and joins `groups` (a bit mask, bit 0 = group
  /// 1). Throws std::system_error; EPERM means that CAP_NET_ADMIN is missing.
  explicit NetlinkSocket(std::uint32_t groups);

  /// Asks for a receive buffer of `octets`, above net.core.rmem_max where that is allowed. Returns
  /// what the kernel granted.
  std::size_t set_receive_buffer(std::size_t octets);

  /// Makes the kernel keep the events that find no room, and try again later
  /// (NETLINK_BROADCAST_ERROR). Throws std::system_error.
  void require_delivery();

  [[nodiscard]] QueueState queue() const;

  /// Receives up to kBatch waiting datagrams, without waiting. Empty with no error: nothing waits.
  /// std::errc::no_buffer_space: the kernel dropped events because the receive buffer was full.
  std::span<const Datagram> receive(std::error_code& error) {
    return batch_.receive(descriptor(), error);
  }

  /// Joins or leaves one group (NFNLGRP_*).
  void set_membership(int group, bool on);

  /// Leaves all groups, so that nothing new arrives while the rest is read.
  void leave_groups();

  [[nodiscard]] int descriptor() const;

  /// The socket's address, which the kernel chose.
  [[nodiscard]] std::uint32_t port_id() const;

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const;
  };

  std::unique_ptr<mnl_socket, Closer> socket_;
  std::uint32_t groups_;
  DatagramBatch batch_;
};

}  // namespace ctflow
