// SPDX-License-Identifier: GPL-2.0-or-later
// A netlink socket: for events of multicast groups, for requests, or for both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

struct mnl_socket;

namespace ctflow {

/// The state of a socket's queue (SO_MEMINFO).
struct QueueState {
  std::size_t used = 0;   ///< octets that wait, with the kernel's bookkeeping
  std::size_t limit = 0;  ///< octets at which the kernel begins to drop
  std::uint32_t dropped =
      0;  ///< datagrams that found no room since the socket was opened, mod 2^32
};

/// A request for all objects of one kind (NLM_F_DUMP).
struct DumpRequest {
  std::uint16_t type = 0;            ///< nlmsg_type
  std::vector<std::byte> payload{};  ///< what stands behind the netlink header
};

class NetlinkSocket {
 public:
  /// Opens a non-blocking socket of a protocol (NETLINK_*), and joins `groups` (a bit mask, bit 0 =
  /// group 1). Throws std::system_error; EPERM means that CAP_NET_ADMIN is missing.
  explicit NetlinkSocket(int protocol, std::uint32_t groups = 0);

  /// Asks for a receive buffer of `octets`, above net.core.rmem_max where that is allowed. Returns
  /// what the kernel granted.
  std::size_t set_receive_buffer(std::size_t octets);

  /// Makes the kernel keep the events that find no room, and try again later
  /// (NETLINK_BROADCAST_ERROR). Throws std::system_error.
  void require_delivery();

  /// Dumps of routes leave out what is not of the table (NETLINK_GET_STRICT_CHK), where the kernel
  /// has that option.
  void ask_strictly();

  [[nodiscard]] QueueState queue() const;

  /// Joins or leaves one group (NFNLGRP_*, RTNLGRP_*). A kernel that does not know it is no error.
  void set_membership(int group, bool on);

  /// Leaves all groups, so that nothing new arrives while the rest is read.
  void leave_groups();

  /// Asks for a dump. The kernel has written the first part when this returns.
  [[nodiscard]] std::error_code request(const DumpRequest& dump, std::uint32_t sequence);

  [[nodiscard]] int descriptor() const;

  /// The socket's address, which the kernel chose.
  [[nodiscard]] std::uint32_t port_id() const;

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const;
  };

  std::unique_ptr<mnl_socket, Closer> socket_;
  std::uint32_t groups_;
};

}  // namespace ctflow
