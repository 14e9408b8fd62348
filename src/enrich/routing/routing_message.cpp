// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/routing_message.hpp"

#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cstddef>

#include "enrich/routing/routing_attributes.hpp"

namespace ctflow {
namespace {

using namespace rtnetlink;

/// Nothing in the kernel comes near; a bound for what one message may make us remember.
constexpr std::size_t kMaximumHops = 1024;

bool equals(Bytes text, std::string_view word) {
  if (text.size() < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (static_cast<char>(text[i]) != word[i]) return false;
  }
  return text.size() == word.size() || text[word.size()] == std::byte{0};
}

/// IFLA_LINKINFO. False: malformed.
bool read_link_info(Bytes nest, Link& link) {
  Attributes attributes(nest);
  Attribute attribute;
  bool is_vrf = false;
  Bytes data;
  while (attributes.next(attribute)) {
    if (attribute.type == IFLA_INFO_KIND) is_vrf = equals(attribute.payload, "vrf");
    if (attribute.type == IFLA_INFO_DATA) data = attribute.payload;
  }
  if (attributes.malformed()) return false;
  if (!is_vrf) return true;
  Attributes inner(data);
  while (inner.next(attribute)) {
    if (attribute.type == IFLA_VRF_TABLE && !read(attribute, link.vrf_table)) return false;
  }
  return !inner.malformed();
}

bool read_link_attribute(const Attribute& attribute, Link& link) {
  switch (attribute.type) {
    case IFLA_IFNAME:
      return read_name(attribute, link.name);
    case IFLA_MASTER:
      return read(attribute, link.master);
    case IFLA_GROUP:
      return read(attribute, link.group);
    case IFLA_LINKINFO:
      return read_link_info(attribute.payload, link);
    default:
      return true;
  }
}

/// RTA_GATEWAY and RTA_VIA (a gateway of the other family).
bool read_gateway(const Attribute& attribute, AddressFamily family, Hop& hop) {
  if (attribute.type == RTA_GATEWAY) {
    hop.gateway_family = family;
    return read_address(attribute.payload, family, hop.gateway);
  }
  if (attribute.payload.size() < sizeof(std::uint16_t)) return false;
  hop.gateway_family =
      family_of(static_cast<std::uint8_t>(load_host<std::uint16_t>(attribute.payload, 0)));
  if (hop.gateway_family == AddressFamily::kNone) return true;
  return read_address(attribute.payload.subspan(sizeof(std::uint16_t)), hop.gateway_family,
                      hop.gateway);
}

/// RTA_MULTIPATH: struct rtnexthop with attributes, one behind the other.
bool read_multipath(Bytes rest, AddressFamily family, std::vector<Hop>& hops,
                    Fingerprint& weights) {
  constexpr std::size_t kHeader = sizeof(rtnexthop);
  while (!rest.empty()) {
    if (rest.size() < kHeader || hops.size() == kMaximumHops) return false;
    const auto length = load_host<std::uint16_t>(rest, offsetof(rtnexthop, rtnh_len));
    if (length < kHeader || length > rest.size()) return false;
    Hop& hop = hops.emplace_back();
    hop.interface = load_host<std::uint32_t>(rest, offsetof(rtnexthop, rtnh_ifindex));
    weights.add(octet(rest, offsetof(rtnexthop, rtnh_hops)));
    Attributes attributes(rest.subspan(kHeader, length - kHeader));
    Attribute attribute;
    while (attributes.next(attribute)) {
      const bool is_gateway = attribute.type == RTA_GATEWAY || attribute.type == RTA_VIA;
      if (is_gateway && !read_gateway(attribute, family, hop)) return false;
    }
    if (attributes.malformed()) return false;
    rest = rest.subspan(std::min<std::size_t>(NLMSG_ALIGN(length), rest.size()));
  }
  return true;
}

/// RFC 4191 section 2.1: 01 high, 00 medium, 11 low.
std::uint8_t order_of_preference(std::uint8_t preference) {
  switch (preference & 3) {
    case 1:
      return 0;
    case 3:
      return 2;
    default:
      return 1;
  }
}

/// What of a route stands in attributes, the single hop apart from the list.
struct RouteParts {
  RouteMessage& message;
  Hop single;
  bool has_single = false;
  Fingerprint fingerprint;
  Fingerprint weights;
};

bool read_route_attribute(const Attribute& attribute, RouteParts& parts) {
  RouteMessage& message = parts.message;
  switch (attribute.type) {
    case RTA_DST:
      return read_prefix(attribute, message.family, message.destination);
    case RTA_SRC:
      return read_prefix(attribute, message.family, message.route.source);
    case RTA_TABLE:
      return read(attribute, message.table);
    case RTA_PRIORITY:
      return read(attribute, message.route.metric);
    case RTA_NH_ID:
      return read(attribute, message.route.nexthop_id);
    case RTA_OIF:
      parts.has_single = true;
      return read(attribute, parts.single.interface);
    case RTA_GATEWAY:
    case RTA_VIA:
      parts.has_single = true;
      return read_gateway(attribute, message.family, parts.single);
    case RTA_MULTIPATH:
      return read_multipath(attribute.payload, message.family, message.route.hops, parts.weights);
    case RTA_PREF: {
      std::uint8_t preference = 0;
      if (!read(attribute, preference)) return false;
      message.route.order = order_of_preference(preference);
      return true;
    }
    case RTA_PREFSRC:
    case RTA_METRICS:
    case RTA_FLOW:
    case RTA_ENCAP_TYPE:
    case RTA_ENCAP:
      parts.fingerprint.add(attribute);
      return true;
    default:
      return true;
  }
}

}  // namespace

Decoded decode_link(Bytes message, Link& link) {
  link = {};
  Bytes fixed;
  Bytes rest;
  if (!split(message, sizeof(ifinfomsg), fixed, rest)) return Decoded::kMalformed;
  // Bridges report their ports under a family of their own; such a removal leaves the device.
  if (octet(fixed, offsetof(ifinfomsg, ifi_family)) != AF_UNSPEC) return Decoded::kIgnored;
  link.index = load_host<std::uint32_t>(fixed, offsetof(ifinfomsg, ifi_index));
  const auto flags = load_host<std::uint32_t>(fixed, offsetof(ifinfomsg, ifi_flags));
  link.up = (flags & IFF_UP) != 0;
  // Either flag will do for the kernel (nexthop_netdev_event); headers of today lack a name.
  constexpr std::uint32_t kLowerUp = 1U << 16;
  link.carrier = (flags & (IFF_RUNNING | kLowerUp)) != 0;
  link.loopback = (flags & IFF_LOOPBACK) != 0;
  Attributes attributes(rest);
  Attribute attribute;
  while (attributes.next(attribute)) {
    if (!read_link_attribute(attribute, link)) return Decoded::kMalformed;
  }
  return attributes.malformed() || link.index == 0 ? Decoded::kMalformed : Decoded::kYes;
}

Decoded decode_nexthop(Bytes message, Nexthop& nexthop) {
  nexthop = {};
  Bytes fixed;
  Bytes rest;
  if (!split(message, sizeof(nhmsg), fixed, rest)) return Decoded::kMalformed;
  const AddressFamily family = family_of(octet(fixed, offsetof(nhmsg, nh_family)));
  Attributes attributes(rest);
  Attribute attribute;
  bool good = true;
  while (good && attributes.next(attribute)) {
    if (attribute.type == NHA_ID) good = read(attribute, nexthop.id);
    if (attribute.type == NHA_OIF) good = read(attribute, nexthop.hop.interface);
    if (attribute.type == NHA_BLACKHOLE) nexthop.blackhole = true;
    if (attribute.type == NHA_GATEWAY) {
      nexthop.hop.gateway_family = family;
      good = family != AddressFamily::kNone &&
             read_address(attribute.payload, family, nexthop.hop.gateway);
    }
    if (attribute.type == NHA_GROUP) {
      const std::size_t members = attribute.payload.size() / sizeof(nexthop_grp);
      good = members <= kMaximumHops && attribute.payload.size() % sizeof(nexthop_grp) == 0;
      for (std::size_t i = 0; good && i < members; ++i) {
        nexthop.group.push_back(load_host<std::uint32_t>(
            attribute.payload, i * sizeof(nexthop_grp) + offsetof(nexthop_grp, id)));
      }
    }
  }
  return good && !attributes.malformed() && nexthop.id != 0 ? Decoded::kYes : Decoded::kMalformed;
}

Decoded decode_route(Bytes message, RouteMessage& route) {
  route = {};
  Bytes fixed;
  Bytes rest;
  if (!split(message, sizeof(rtmsg), fixed, rest)) return Decoded::kMalformed;
  route.family = family_of(octet(fixed, offsetof(rtmsg, rtm_family)));
  if (route.family == AddressFamily::kNone) return Decoded::kIgnored;
  // Clones are memories of single destinations (redirects, path MTU), not routes.
  const auto flags = load_host<std::uint32_t>(fixed, offsetof(rtmsg, rtm_flags));
  if ((flags & RTM_F_CLONED) != 0) return Decoded::kIgnored;
  route.destination.length = octet(fixed, offsetof(rtmsg, rtm_dst_len));
  route.route.source.length = octet(fixed, offsetof(rtmsg, rtm_src_len));
  const std::size_t width = 8 * octets_of(route.family);
  if (route.destination.length > width || route.route.source.length > width) {
    return Decoded::kMalformed;
  }
  route.table = octet(fixed, offsetof(rtmsg, rtm_table));
  route.route.type = octet(fixed, offsetof(rtmsg, rtm_type));
  route.route.order = route.family == AddressFamily::kIpv4 ? octet(fixed, offsetof(rtmsg, rtm_tos))
                                                           : order_of_preference(0);
  route.replaces = (flags_of(message) & NLM_F_REPLACE) != 0;
  // A dump comes in order.
  route.appends = (flags_of(message) & (NLM_F_APPEND | NLM_F_MULTI)) != 0;
  RouteParts parts{route, {}, false, {}, {}};
  parts.fingerprint.add(octet(fixed, offsetof(rtmsg, rtm_protocol)));
  parts.fingerprint.add(octet(fixed, offsetof(rtmsg, rtm_scope)));
  Attributes attributes(rest);
  Attribute attribute;
  while (attributes.next(attribute)) {
    if (!read_route_attribute(attribute, parts)) return Decoded::kMalformed;
  }
  if (attributes.malformed()) return Decoded::kMalformed;
  // Routes by a nexthop object repeat its hops or not, by a sysctl; the object is what counts.
  if (route.route.nexthop_id != 0) {
    route.route.hops.clear();
  } else if (parts.has_single && route.route.hops.empty()) {
    route.route.hops.push_back(parts.single);
  }
  // Of IPv6 routes the kernel compares no more than the hops, and changes the rest in place.
  if (route.family == AddressFamily::kIpv4) {
    if (route.route.nexthop_id == 0) parts.fingerprint.add(parts.weights.value());
    route.route.fingerprint = parts.fingerprint.value();
  }
  return Decoded::kYes;
}

}  // namespace ctflow
