// SPDX-License-Identifier: GPL-2.0-or-later
// A netlink socket for dumps of the kernel's routing and for its changes, in the order in which
// they happened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

#include "netlink/datagram_batch.hpp"

struct mnl_socket;

namespace ctflow {

class RoutingSocket {
 public:
  static constexpr std::size_t kBatch = 16;                           ///< datagrams per receive()
  static constexpr std::size_t kDatagramSize = std::size_t{1} << 15;  ///< the kernel's largest dump

  /// Joins the groups of links, addresses, routes, nexthop objects and rules. Needs no privilege.
  /// Throws std::system_error.
  RoutingSocket();

  /// Asks for all objects of an RTM_GET type and address family (AF_*). One dump at a time.
  std::error_code request_dump(std::uint16_t type, std::uint8_t family, std::uint32_t sequence);

  /// Receives up to kBatch waiting datagrams, without waiting. Empty with no error: nothing waits.
  /// std::errc::no_buffer_space: the kernel dropped changes because the receive buffer was full.
  std::span<const Datagram> receive(std::error_code& error) {
    return batch_.receive(descriptor(), error);
  }

  [[nodiscard]] int descriptor() const;
  /// What the kernel's answers to us carry.
  [[nodiscard]] std::uint32_t port() const;

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const;
  };

  std::unique_ptr<mnl_socket, Closer> socket_;
  DatagramBatch batch_;
};

}  // namespace ctflow
