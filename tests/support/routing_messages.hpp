// SPDX-License-Identifier: GPL-2.0-or-later
// Builds rtnetlink messages for tests, octet by octet as the kernel writes them.
#pragma once

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <sstream>
#include <string>

#include "enrich/routing/routing_message.hpp"
#include "support/event_builder.hpp"

namespace ctflow::test {

/// A whole message; `body` is the fixed header and the attributes.
inline Octets netlink_message(unsigned type, const Octets& body, unsigned flags = 0) {
  Octets octets = host(static_cast<std::uint32_t>(sizeof(nlmsghdr) + body.size()));
  append(octets, host(static_cast<std::uint16_t>(type)));
  append(octets, host(static_cast<std::uint16_t>(flags)));
  append(octets, host(std::uint32_t{0}));
  append(octets, host(std::uint32_t{0}));
  append(octets, body);
  return octets;
}

inline Octets text(const std::string& value) {
  Octets octets(value.begin(), value.end());
  octets.push_back(0);
  return octets;
}

/// 192.0.2.1 or 2001:db8::1, in 4 or 16 octets.
inline Octets address_octets(const std::string& address) {
  const bool six = address.find(':') != std::string::npos;
  Octets octets(six ? 16 : 4);
  if (!six) {
    std::istringstream stream(address);
    for (auto& octet : octets) {
      unsigned part = 0;
      stream >> part;
      stream.ignore();
      octet = static_cast<std::uint8_t>(part);
    }
    return octets;
  }
  const auto put = [&](const std::string& half, std::size_t first, bool from_end) {
    std::vector<unsigned> groups;
    std::istringstream stream(half);
    for (std::string group; std::getline(stream, group, ':');) {
      if (!group.empty()) groups.push_back(static_cast<unsigned>(std::stoul(group, nullptr, 16)));
    }
    std::size_t at = from_end ? 16 - 2 * groups.size() : first;
    for (const unsigned group : groups) {
      octets[at++] = static_cast<std::uint8_t>(group >> 8);
      octets[at++] = static_cast<std::uint8_t>(group);
    }
  };
  const std::size_t gap = address.find("::");
  put(address.substr(0, gap), 0, false);
  if (gap != std::string::npos) put(address.substr(gap + 2), 0, true);
  return octets;
}

inline IpAddress address_of(const std::string& address) {
  IpAddress value;
  const Octets octets = address_octets(address);
  std::copy(octets.begin(), octets.end(), value.octets.begin());
  return value;
}

inline PrefixKey key_of(const std::string& address) { return PrefixKey::of(address_of(address)); }

inline std::uint8_t family_number(const std::string& address) {
  return address.find(':') != std::string::npos ? AF_INET6 : AF_INET;
}

struct LinkOptions {
  bool up = true;
  bool carrier = true;
  bool loopback = false;
  std::uint32_t master = 0;
  std::uint32_t group = 0;
  std::uint32_t vrf_table = 0;
  std::uint8_t family = AF_UNSPEC;
  bool removed = false;
};

inline Octets link_message(std::uint32_t index, const std::string& name,
                           const LinkOptions& options = {}) {
  Octets body{options.family, 0};
  append(body, host(std::uint16_t{1}));
  append(body, host(index));
  append(body, host(static_cast<std::uint32_t>((options.up ? IFF_UP : 0) |
                                               (options.carrier ? IFF_RUNNING : 0) |
                                               (options.loopback ? IFF_LOOPBACK : 0))));
  append(body, host(std::uint32_t{0}));
  append(body, attribute(IFLA_IFNAME, text(name)));
  append(body, attribute(IFLA_GROUP, host(options.group)));
  if (options.master != 0) append(body, attribute(IFLA_MASTER, host(options.master)));
  if (options.vrf_table != 0) {
    Octets info = attribute(IFLA_INFO_KIND, text("vrf"));
    append(info, attribute(IFLA_INFO_DATA | NLA_F_NESTED,
                           attribute(IFLA_VRF_TABLE, host(options.vrf_table))));
    append(body, attribute(IFLA_LINKINFO | NLA_F_NESTED, info));
  }
  return netlink_message(options.removed ? RTM_DELLINK : RTM_NEWLINK, body);
}

struct AddressOptions {
  std::uint8_t length = 24;
  std::string peer{};
  bool removed = false;
};

inline Octets address_message(const std::string& address, std::uint32_t interface,
                              const AddressOptions& options = {}) {
  const std::uint8_t family = family_number(address);
  Octets body{family, options.length, 0, 0};
  append(body, host(interface));
  const std::string& peer = options.peer.empty() ? address : options.peer;
  append(body, attribute(IFA_ADDRESS, address_octets(peer)));
  // IPv6 has it with a peer only.
  if (family == AF_INET || !options.peer.empty()) {
    append(body, attribute(IFA_LOCAL, address_octets(address)));
  }
  return netlink_message(options.removed ? RTM_DELADDR : RTM_NEWADDR, body);
}

/// One way of a route: interface and gateway, either may be left out.
struct HopOptions {
  std::uint32_t interface = 0;
  std::string gateway{};
};

struct RouteOptions {
  std::uint32_t table = RT_TABLE_MAIN;
  std::uint32_t metric = 0;
  std::uint8_t type = RTN_UNICAST;
  std::uint8_t tos = 0;
  std::string source{};  ///< with length: "2001:db8::/48"
  std::uint32_t nexthop_id = 0;
  std::uint32_t route_flags = 0;
  int preference = -1;
  std::uint8_t protocol = 3;
  std::string preferred_source{};
  unsigned flags = 0;
  bool removed = false;
};

inline Octets gateway_attribute(const std::string& gateway, std::uint8_t family) {
  if (family_number(gateway) == family) return attribute(RTA_GATEWAY, address_octets(gateway));
  Octets via = host(static_cast<std::uint16_t>(family_number(gateway)));
  append(via, address_octets(gateway));
  return attribute(RTA_VIA, via);
}

inline Octets hops_attribute(const std::vector<HopOptions>& hops, std::uint8_t family) {
  if (hops.size() == 1) {
    Octets octets = attribute(RTA_OIF, host(hops[0].interface));
    if (!hops[0].gateway.empty()) append(octets, gateway_attribute(hops[0].gateway, family));
    return octets;
  }
  Octets all;
  for (const HopOptions& hop : hops) {
    const Octets gateway = hop.gateway.empty() ? Octets{} : gateway_attribute(hop.gateway, family);
    append(all, host(static_cast<std::uint16_t>(sizeof(rtnexthop) + gateway.size())));
    append(all, {0, 0});
    append(all, host(hop.interface));
    append(all, gateway);
  }
  return attribute(RTA_MULTIPATH, all);
}

/// `prefix` as "192.0.2.0/24".
inline Octets route_message(const std::string& prefix, const std::vector<HopOptions>& hops,
                            const RouteOptions& options = {}) {
  const auto split = [](const std::string& text) {
    const std::size_t slash = text.find('/');
    return std::pair(text.substr(0, slash),
                     static_cast<std::uint8_t>(std::stoul(text.substr(slash + 1))));
  };
  const auto [destination, length] = split(prefix);
  const std::uint8_t family = family_number(destination);
  Octets body{family, length, 0, options.tos};
  append(body, {static_cast<std::uint8_t>(options.table < 256 ? options.table : 252),
                options.protocol, 0, options.type});
  append(body, host(options.route_flags));
  append(body, attribute(RTA_TABLE, host(options.table)));
  if (length > 0) append(body, attribute(RTA_DST, address_octets(destination)));
  if (!options.source.empty()) {
    const auto [source, source_length] = split(options.source);
    body[2] = source_length;
    append(body, attribute(RTA_SRC, address_octets(source)));
  }
  if (options.metric != 0) append(body, attribute(RTA_PRIORITY, host(options.metric)));
  if (!options.preferred_source.empty()) {
    append(body, attribute(RTA_PREFSRC, address_octets(options.preferred_source)));
  }
  if (options.nexthop_id != 0) append(body, attribute(RTA_NH_ID, host(options.nexthop_id)));
  if (options.preference >= 0) {
    append(body, attribute(RTA_PREF, {static_cast<std::uint8_t>(options.preference)}));
  }
  if (!hops.empty()) append(body, hops_attribute(hops, family));
  return netlink_message(options.removed ? RTM_DELROUTE : RTM_NEWROUTE, body, options.flags);
}

struct NexthopOptions {
  std::vector<std::uint32_t> group{};
  bool blackhole = false;
  bool removed = false;
};

inline Octets nexthop_message(std::uint32_t id, const HopOptions& hop,
                              const NexthopOptions& options = {}) {
  const bool has_gateway = !hop.gateway.empty();
  Octets body{has_gateway ? family_number(hop.gateway) : std::uint8_t{AF_INET}, 0, 0, 0};
  append(body, host(std::uint32_t{0}));
  append(body, attribute(NHA_ID, host(id)));
  if (hop.interface != 0) append(body, attribute(NHA_OIF, host(hop.interface)));
  if (has_gateway) append(body, attribute(NHA_GATEWAY, address_octets(hop.gateway)));
  if (options.blackhole) append(body, attribute(NHA_BLACKHOLE, {}));
  if (!options.group.empty()) {
    Octets members;
    for (const std::uint32_t member : options.group) {
      append(members, host(member));
      append(members, {0, 0, 0, 0});
    }
    append(body, attribute(NHA_GROUP, members));
  }
  return netlink_message(options.removed ? RTM_DELNEXTHOP : RTM_NEWNEXTHOP, body);
}

/// A rule of IPv4 or IPv6 that asks `table`; `more` are further attributes.
struct RuleOptions {
  std::uint8_t family = AF_INET;
  std::uint8_t action = FR_ACT_TO_TBL;
  std::uint8_t tos = 0;
  std::string source{};
  std::string destination{};
  std::uint32_t flags = 0;
  Octets more{};
  bool removed = false;
};

inline Octets rule_message(std::uint32_t priority, std::uint32_t table,
                           const RuleOptions& options = {}) {
  const auto length = [](const std::string& prefix) {
    const std::size_t slash = prefix.find('/');
    return static_cast<std::uint8_t>(
        slash == std::string::npos ? 0 : std::stoul(prefix.substr(slash + 1)));
  };
  const auto host_part = [](const std::string& prefix) {
    return prefix.substr(0, prefix.find('/'));
  };
  Octets body{options.family,
              length(options.destination),
              length(options.source),
              options.tos,
              static_cast<std::uint8_t>(table < 256 ? table : 252),
              0,
              0,
              options.action};
  append(body, host(options.flags));
  append(body, attribute(FRA_PRIORITY, host(priority)));
  append(body, attribute(FRA_TABLE, host(table)));
  append(body, attribute(FRA_SUPPRESS_PREFIXLEN, host(std::int32_t{-1})));
  if (!options.source.empty()) {
    append(body, attribute(FRA_SRC, address_octets(host_part(options.source))));
  }
  if (!options.destination.empty()) {
    append(body, attribute(FRA_DST, address_octets(host_part(options.destination))));
  }
  append(body, options.more);
  return netlink_message(options.removed ? RTM_DELRULE : RTM_NEWRULE, body);
}

}  // namespace ctflow::test
