// SPDX-License-Identifier: GPL-2.0-or-later
// decode_rule() of routing_message.hpp.
#include <linux/fib_rules.h>

#include <cstddef>

#include "enrich/routing/routing_attributes.hpp"

namespace ctflow {
namespace {

using namespace rtnetlink;

// Later than the headers of Debian 12.
constexpr std::uint16_t kFraSourcePortMask = 28;
constexpr std::uint16_t kFraDestinationPortMask = 29;

bool read_port_range(const Attribute& attribute, PortRange& range) {
  if (attribute.payload.size() < sizeof(fib_rule_port_range)) return false;
  range.first = load_host<std::uint16_t>(attribute.payload, offsetof(fib_rule_port_range, start));
  range.last = load_host<std::uint16_t>(attribute.payload, offsetof(fib_rule_port_range, end));
  return true;
}

bool read_rule_match(const Attribute& attribute, Rule& rule) {
  switch (attribute.type) {
    case FRA_IIFNAME:
      return read_name(attribute, rule.ingress);
    case FRA_OIFNAME:
      rule.needs_egress = true;
      return true;
    case FRA_FWMARK:
      return read(attribute, rule.mark);
    case FRA_FWMASK:
      return read(attribute, rule.mark_mask);
    case FRA_IP_PROTO:
      return read(attribute, rule.protocol);
    case FRA_SPORT_RANGE:
      return read_port_range(attribute, rule.source_port);
    case FRA_DPORT_RANGE:
      return read_port_range(attribute, rule.destination_port);
    case kFraSourcePortMask:
      return read(attribute, rule.source_port.mask);
    case kFraDestinationPortMask:
      return read(attribute, rule.destination_port.mask);
    default:
      // The user, the tunnel, and whatever later kernels can ask for.
      rule.undecidable = true;
      return true;
  }
}

bool read_rule_attribute(const Attribute& attribute, Rule& rule) {
  switch (attribute.type) {
    case FRA_DST:
      return read_prefix(attribute, rule.family, rule.destination);
    case FRA_SRC:
      return read_prefix(attribute, rule.family, rule.source);
    case FRA_GOTO:
      return read(attribute, rule.target);
    case FRA_PRIORITY:
      return read(attribute, rule.priority);
    case FRA_TABLE:
      return read(attribute, rule.table);
    case FRA_SUPPRESS_PREFIXLEN:
      return read(attribute, rule.suppress_length);
    case FRA_SUPPRESS_IFGROUP:
      return read(attribute, rule.suppress_group);
    case FRA_L3MDEV: {
      std::uint8_t vrf = 0;
      if (!read(attribute, vrf)) return false;
      rule.vrf = vrf != 0;
      return true;
    }
    case FRA_UNSPEC:
    case FRA_FLOW:  // the realm that matches are booked on
    case FRA_PAD:
    case FRA_PROTOCOL:  // who made the rule
      return true;
    default:
      return read_rule_match(attribute, rule);
  }
}

}  // namespace

Decoded decode_rule(Bytes message, Rule& rule) {
  rule = {};
  Bytes fixed;
  Bytes rest;
  if (!split(message, sizeof(fib_rule_hdr), fixed, rest)) return Decoded::kMalformed;
  rule.family = family_of(octet(fixed, offsetof(fib_rule_hdr, family)));
  if (rule.family == AddressFamily::kNone) return Decoded::kIgnored;  // multicast routing
  rule.destination.length = octet(fixed, offsetof(fib_rule_hdr, dst_len));
  rule.source.length = octet(fixed, offsetof(fib_rule_hdr, src_len));
  const std::size_t width = 8 * octets_of(rule.family);
  if (rule.destination.length > width || rule.source.length > width) return Decoded::kMalformed;
  rule.undecidable = octet(fixed, offsetof(fib_rule_hdr, tos)) != 0;
  rule.table = octet(fixed, offsetof(fib_rule_hdr, table));
  rule.action = octet(fixed, offsetof(fib_rule_hdr, action));
  const auto flags = load_host<std::uint32_t>(fixed, offsetof(fib_rule_hdr, flags));
  rule.inverted = (flags & FIB_RULE_INVERT) != 0;
  // The other flags change with what the rule refers to: an interface, a target.
  Fingerprint fingerprint;
  fingerprint.add(fixed.first(offsetof(fib_rule_hdr, flags)));
  fingerprint.add(flags & FIB_RULE_INVERT);
  Attributes attributes(rest);
  Attribute attribute;
  while (attributes.next(attribute)) {
    if (!read_rule_attribute(attribute, rule)) return Decoded::kMalformed;
    fingerprint.add(attribute);
  }
  rule.fingerprint = fingerprint.value();
  return attributes.malformed() ? Decoded::kMalformed : Decoded::kYes;
}

}  // namespace ctflow
