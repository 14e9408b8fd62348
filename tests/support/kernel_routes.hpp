// SPDX-License-Identifier: GPL-2.0-or-later
// Asks the kernel itself where packets go (RTM_GETROUTE), for comparison with the mirror.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "support/routing_messages.hpp"

namespace ctflow::test {

/// What `ip route get` says.
struct KernelRoute {
  std::uint8_t type = RTN_UNREACHABLE;  ///< RTN_*; RTN_UNREACHABLE: no route
  std::uint32_t interface = 0;
  IpAddress gateway;

  friend bool operator==(const KernelRoute&, const KernelRoute&) = default;
};

class KernelRoutes {
 public:
  /// In the network namespace of the thread that makes it.
  KernelRoutes() : socket_(mnl_socket_open(NETLINK_ROUTE)) {
    if (socket_ == nullptr || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) != 0) {
      throw std::runtime_error("no netlink socket");
    }
  }
  ~KernelRoutes() { mnl_socket_close(socket_); }
  KernelRoutes(const KernelRoutes&) = delete;
  KernelRoutes& operator=(const KernelRoutes&) = delete;
  KernelRoutes(KernelRoutes&&) = delete;
  KernelRoutes& operator=(KernelRoutes&&) = delete;

  /// As for a packet that this host sends, from no particular address.
  KernelRoute ask(const std::string& destination, std::uint32_t mark) {
    const std::uint8_t family = family_number(destination);
    const Octets address = address_octets(destination);
    Octets body{family, static_cast<std::uint8_t>(8 * address.size()), 0, 0, 0, 0, 0, 0};
    append(body, host(std::uint32_t{0}));
    append(body, attribute(RTA_DST, address));
    append(body, attribute(RTA_MARK, host(mark)));
    Octets request = netlink_message(RTM_GETROUTE, body, NLM_F_REQUEST);
    if (mnl_socket_sendto(socket_, request.data(), request.size()) < 0) {
      throw std::runtime_error("the kernel takes no request");
    }
    std::array<char, 8192> answer{};
    const ssize_t size = mnl_socket_recvfrom(socket_, answer.data(), answer.size());
    if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) throw std::runtime_error("no answer");
    return read(std::as_bytes(std::span(answer.data(), static_cast<std::size_t>(size))));
  }

 private:
  static KernelRoute read(Bytes message) {
    KernelRoute route;
    if (load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type)) != RTM_NEWROUTE) {
      return route;
    }
    const auto length = load_host<std::uint32_t>(message, 0);
    route.type =
        std::to_integer<std::uint8_t>(message[sizeof(nlmsghdr) + offsetof(rtmsg, rtm_type)]);
    constexpr std::size_t kHeaders = sizeof(nlmsghdr) + sizeof(rtmsg);
    Attributes attributes(message.first(length).subspan(kHeaders));
    Attribute attribute;
    while (attributes.next(attribute)) {
      if (attribute.type == RTA_OIF)
        route.interface = load_host<std::uint32_t>(attribute.payload, 0);
      if (attribute.type == RTA_GATEWAY) {
        for (std::size_t i = 0; i < attribute.payload.size(); ++i) {
          route.gateway.octets[i] = std::to_integer<std::uint8_t>(attribute.payload[i]);
        }
      }
    }
    return route;
  }

  mnl_socket* socket_;
};

}  // namespace ctflow::test
