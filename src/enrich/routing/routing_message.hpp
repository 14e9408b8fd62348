// SPDX-License-Identifier: GPL-2.0-or-later
// rtnetlink messages as values: links, addresses, nexthop objects, routes, rules. Lengths are
// checked before anything is read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ctflow/flow.hpp"
#include "enrich/routing/prefix_table.hpp"
#include "netlink/attributes.hpp"

namespace ctflow {

enum class Decoded : std::uint8_t { kYes, kIgnored, kMalformed };

struct Prefix {
  PrefixKey key;
  std::uint8_t length = 0;

  [[nodiscard]] bool covers(const PrefixKey& address) const { return address.first(length) == key; }
  friend bool operator==(const Prefix&, const Prefix&) = default;
};

/// One way that packets of a route can take.
struct Hop {
  IpAddress gateway;  ///< zeros: the destination is on the link
  AddressFamily gateway_family = AddressFamily::kNone;
  std::uint32_t interface = 0;  ///< ifIndex

  friend bool operator==(const Hop&, const Hop&) = default;
};

using InterfaceName = std::array<char, 16>;  ///< zeros behind the name

struct Link {
  std::uint32_t index = 0;
  InterfaceName name{};
  std::uint32_t master = 0;     ///< ifIndex of the bridge, bond or VRF it belongs to, 0 = none
  std::uint32_t group = 0;      ///< for suppress_ifgroup
  std::uint32_t vrf_table = 0;  ///< of a VRF device; 0 = it is none
  bool up = false;
  bool carrier = false;
  bool loopback = false;

  friend bool operator==(const Link&, const Link&) = default;
};

/// An address of an interface of this host.
struct InterfaceAddress {
  AddressFamily family = AddressFamily::kNone;
  std::uint8_t length = 0;  ///< of the network
  std::uint32_t interface = 0;
  IpAddress address;
  IpAddress peer;  ///< of a point-to-point link; else the address itself

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

/// A nexthop object (ip nexthop), which routes name by its id.
struct Nexthop {
  std::uint32_t id = 0;
  Hop hop;
  std::vector<std::uint32_t> group;  ///< ids of the members; empty: `hop` it is
  bool blackhole = false;

  friend bool operator==(const Nexthop&, const Nexthop&) = default;
};

/// What a route says apart from its prefix and table.
struct Route {
  std::uint32_t metric = 0;
  std::uint8_t type = 0;  ///< RTN_*
  /// IPv4: the TOS it is for, 0 = any. IPv6: preference of a router, less is better.
  std::uint8_t order = 0;
  Prefix source;                 ///< IPv6: only packets from there; length 0 = from anywhere
  std::uint32_t nexthop_id = 0;  ///< 0 = the hops are here
  /// Of what else distinguishes IPv4 routes (protocol, scope, preferred source, metrics, weights,
  /// …): the kernel keeps routes side by side that differ in nothing else.
  std::uint64_t fingerprint = 0;
  std::vector<Hop> hops;

  friend bool operator==(const Route&, const Route&) = default;
};

struct RouteMessage {
  AddressFamily family = AddressFamily::kNone;
  std::uint32_t table = 0;
  Prefix destination;
  Route route;
  bool replaces = false;  ///< NLM_F_REPLACE
  bool appends = false;   ///< NLM_F_APPEND, or part of a dump: behind its equals
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;  ///< 0 = any port
  std::uint16_t mask = 0;  ///< not 0: compare these bits with `first`

  friend bool operator==(const PortRange&, const PortRange&) = default;
};

/// A routing policy rule (ip rule).
struct Rule {
  std::uint32_t priority = 0;
  std::uint32_t table = 0;
  std::uint32_t target = 0;  ///< priority to go on with, of FR_ACT_GOTO
  std::uint32_t mark = 0;
  std::uint32_t mark_mask = 0;
  std::int32_t suppress_length = -1;  ///< results with prefixes no longer than this do not count
  std::int32_t suppress_group = -1;   ///< likewise through interfaces of this group
  Prefix source;
  Prefix destination;
  InterfaceName ingress{};
  PortRange source_port;
  PortRange destination_port;
  AddressFamily family = AddressFamily::kNone;
  std::uint8_t action = 0;    ///< FR_ACT_*
  std::uint8_t protocol = 0;  ///< of IP, 0 = any
  bool vrf = false;           ///< the table is that of the packet's VRF (l3mdev)
  bool inverted = false;
  bool needs_egress = false;  ///< `oif`: only for sockets bound to a device
  bool undecidable = false;   ///< needs what conntrack does not have: TOS, user, tunnel, …
  /// Of the whole rule as the kernel describes it: rules that differ in their protocol alone, or in
  /// what is not decoded, stand side by side. Wholly equal ones do, too, but need no distinction.
  std::uint64_t fingerprint = 0;

  friend bool operator==(const Rule&, const Rule&) = default;
};

/// Each takes one whole message, header included, of the RTM_ types that its name says, and sets
/// all members of the value.
Decoded decode_link(Bytes message, Link& link);
Decoded decode_address(Bytes message, InterfaceAddress& address);
Decoded decode_nexthop(Bytes message, Nexthop& nexthop);
Decoded decode_route(Bytes message, RouteMessage& route);
Decoded decode_rule(Bytes message, Rule& rule);

}  // namespace ctflow
