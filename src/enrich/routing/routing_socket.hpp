// SPDX-License-Identifier: GPL-2.0-or-later
// A netlink socket for dumps of the kernel's routing and for its changes, in the order in which
// they happened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

#include "netlink/datagram_batch.hpp"
#include "netlink/netlink_socket.hpp"

namespace ctflow {

class RoutingSocket {
 public:
  /// Joins the groups of links, addresses, routes, nexthop objects and rules. Needs no privilege.
  /// Throws std::system_error.
  RoutingSocket();

  /// Asks for all objects of an RTM_GET type and address family (AF_*). One dump at a time.
  std::error_code request_dump(std::uint16_t type, std::uint8_t family, std::uint32_t sequence);

  /// Receives some waiting datagrams, without waiting. Empty with no error: nothing waits.
  /// std::errc::no_buffer_space: the kernel dropped changes because the receive buffer was full.
  std::span<const Datagram> receive(std::error_code& error) {
    return batch_.receive(descriptor(), error);
  }

  [[nodiscard]] int descriptor() const { return socket_.descriptor(); }
  /// What the kernel's answers to us carry.
  [[nodiscard]] std::uint32_t port() const { return socket_.port_id(); }

 private:
  static constexpr std::size_t kBatch = 16;                           ///< datagrams per receive()
  static constexpr std::size_t kDatagramSize = std::size_t{1} << 15;  ///< the kernel's largest part

  NetlinkSocket socket_;
  DatagramBatch batch_{kBatch, kDatagramSize};
};

}  // namespace ctflow
