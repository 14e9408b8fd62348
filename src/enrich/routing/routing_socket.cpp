// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/routing_socket.hpp"

#include <linux/rtnetlink.h>

#include <array>

namespace ctflow {
namespace {

constexpr std::array<int, 8> kGroups{RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                     RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_ROUTE,
                                     RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP};

/// Holds the changes of some ten thousand routes.
constexpr std::size_t kReceiveBuffer = std::size_t{16} << 20;

/// What stands behind the netlink header, by kind of object; zeros but for the family.
std::size_t request_length(std::uint16_t type) {
  switch (type) {
    case RTM_GETLINK:
      return sizeof(ifinfomsg);
    case RTM_GETADDR:
    case RTM_GETNEXTHOP:
      return 8;  // struct ifaddrmsg, struct nhmsg
    default:
      return sizeof(rtmsg);  // as struct fib_rule_hdr
  }
}

}  // namespace

RoutingSocket::RoutingSocket() : socket_(NETLINK_ROUTE) {
  // An older kernel, or one without policy routing, lacks some.
  for (const int group : kGroups) socket_.set_membership(group, true);
  // Without it dumps have cached exceptions of single destinations, too.
  socket_.ask_strictly();
  socket_.set_receive_buffer(kReceiveBuffer);
}

std::error_code RoutingSocket::request_dump(std::uint16_t type, std::uint8_t family,
                                            std::uint32_t sequence) {
  DumpRequest request{type, std::vector<std::byte>(request_length(type))};
  request.payload[0] = static_cast<std::byte>(family);  // the first octet of all of them
  return socket_.request(request, sequence);
}

}  // namespace ctflow
