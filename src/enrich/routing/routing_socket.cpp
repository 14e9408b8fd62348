// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/routing_socket.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace ctflow {
namespace {

constexpr std::array<int, 8> kGroups{RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                     RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_ROUTE,
                                     RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP};

/// Holds the changes of some ten thousand routes.
constexpr int kReceiveBuffer = 16 << 20;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

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

void RoutingSocket::Closer::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

RoutingSocket::RoutingSocket()
    : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC)),
      batch_(kBatch, kDatagramSize) {
  if (!socket_) fail("opening a netlink socket for routes");
  if (mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
    fail("binding a netlink socket for routes");
  }
  for (const int group : kGroups) {
    // An older kernel, or one without policy routing, lacks some.
    setsockopt(descriptor(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group);
  }
  // Without it dumps also tell of single remembered destinations.
  const int strict = 1;
  setsockopt(descriptor(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof strict);
  const int half = kReceiveBuffer / 2;  // the kernel doubles it (socket(7))
  if (setsockopt(descriptor(), SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof half) != 0) {
    setsockopt(descriptor(), SOL_SOCKET, SO_RCVBUF, &half, sizeof half);
  }
}

int RoutingSocket::descriptor() const { return mnl_socket_get_fd(socket_.get()); }

std::uint32_t RoutingSocket::port() const { return mnl_socket_get_portid(socket_.get()); }

std::error_code RoutingSocket::request_dump(std::uint16_t type, std::uint8_t family,
                                            std::uint32_t sequence) {
  std::array<std::byte, sizeof(nlmsghdr) + sizeof(ifinfomsg)> request{};
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + request_length(type));
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = sequence;
  std::memcpy(request.data(), &header, sizeof header);
  request[sizeof header] = static_cast<std::byte>(family);  // the first octet of all of them
  if (mnl_socket_sendto(socket_.get(), request.data(), header.nlmsg_len) < 0) {
    return {errno, std::generic_category()};
  }
  return {};
}

}  // namespace ctflow
