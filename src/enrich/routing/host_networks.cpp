// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/host_networks.hpp"

#include <linux/if_addr.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <system_error>

#include "netlink/dump.hpp"

namespace ctflow {
namespace {

/// `header`: size of the fixed header, which begins with the family.
void read_into(HostNetworks& to, std::uint16_t type, std::size_t header, int family = AF_UNSPEC) {
  DumpRequest request{type, std::vector<std::byte>(header)};
  request.payload.front() = static_cast<std::byte>(family);
  const std::error_code error =
      read_dump(NETLINK_ROUTE, request, [&](Bytes message) { to.apply(message); });
  if (!error || error == std::errc::resource_unavailable_try_again) return;
  throw std::system_error(error, "addresses of this host");
}

}  // namespace

void HostNetworks::apply(Bytes message) {
  Link link;
  InterfaceAddress address;
  Nexthop nexthop;
  switch (load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type))) {
    case RTM_NEWLINK:
      if (decode_link(message, link) != Decoded::kYes) break;
      if (link.loopback) loopback_.insert(link.index);
      break;
    case RTM_NEWADDR:
      if (decode_address(message, address) == Decoded::kYes) addresses_.push_back(address);
      break;
    case RTM_NEWROUTE:
      add_route(message);
      break;
    case RTM_NEWNEXTHOP:
      if (decode_nexthop(message, nexthop) == Decoded::kYes) nexthops_[nexthop.id] = nexthop;
      break;
    default:
      break;
  }
}

void HostNetworks::add_route(Bytes message) {
  RouteMessage found;
  if (decode_route(message, found) != Decoded::kYes || found.destination.length != 0) return;
  if (found.family == AddressFamily::kIpv4 && found.table != RT_TABLE_MAIN) return;
  if (found.route.nexthop_id != 0) default_nexthops_.insert(found.route.nexthop_id);
  for (const Hop& hop : found.route.hops) default_interfaces_.insert(hop.interface);
}

bool HostNetworks::leads_through(std::uint32_t nexthop, std::uint32_t interface) const {
  const auto found = nexthops_.find(nexthop);
  if (found == nexthops_.end()) return false;
  if (found->second.hop.interface == interface) return true;
  return std::any_of(found->second.group.begin(), found->second.group.end(),
                     [&](std::uint32_t member) {
                       const auto one = nexthops_.find(member);  // a group has no groups
                       return one != nexthops_.end() && one->second.hop.interface == interface;
                     });
}

bool HostNetworks::has_default_route(std::uint32_t interface) const {
  return default_interfaces_.count(interface) != 0 ||
         std::any_of(default_nexthops_.begin(), default_nexthops_.end(),
                     [&](std::uint32_t id) { return leads_through(id, interface); });
}

HostNetworks read_host_networks() {
  HostNetworks found = read_host_addresses();
  read_into(found, RTM_GETLINK, sizeof(ifinfomsg));
  read_into(found, RTM_GETROUTE, sizeof(rtmsg), AF_INET);
  read_into(found, RTM_GETROUTE, sizeof(rtmsg), AF_INET6);
  if (found.needs_nexthops()) read_into(found, RTM_GETNEXTHOP, sizeof(nhmsg));
  return found;
}

HostNetworks read_host_addresses() {
  HostNetworks found;
  read_into(found, RTM_GETADDR, sizeof(ifaddrmsg));
  return found;
}

}  // namespace ctflow
