// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/nested_attributes.hpp"

#include <linux/netfilter/nfnetlink_conntrack.h>

#include <cstring>

#include "conntrack/flow/usual_layout.hpp"

namespace ctflow {
namespace {

bool read_address(const Attribute& attribute, std::size_t length, IpAddress& address) {
  if (attribute.payload.size() < length) return false;
  address = IpAddress{};
  std::memcpy(address.octets.data(), attribute.payload.data(), length);
  return true;
}

/// CTA_TUPLE_IP: both addresses of one family.
bool read_addresses(Bytes bytes, Tuple& tuple) {
  constexpr unsigned kSource4 = 1;
  constexpr unsigned kDestination4 = 2;
  constexpr unsigned kSource6 = 4;
  constexpr unsigned kDestination6 = 8;
  unsigned seen = 0;
  Attributes attributes(bytes);
  Attribute attribute;
  while (attributes.next(attribute)) {
    switch (attribute.type) {
      case CTA_IP_V4_SRC:
        if (!read_address(attribute, 4, tuple.source)) return false;
        seen |= kSource4;
        break;
      case CTA_IP_V4_DST:
        if (!read_address(attribute, 4, tuple.destination)) return false;
        seen |= kDestination4;
        break;
      case CTA_IP_V6_SRC:
        if (!read_address(attribute, 16, tuple.source)) return false;
        seen |= kSource6;
        break;
      case CTA_IP_V6_DST:
        if (!read_address(attribute, 16, tuple.destination)) return false;
        seen |= kDestination6;
        break;
      default:
        break;
    }
  }
  if (attributes.malformed()) return false;
  if (seen == (kSource4 | kDestination4)) {
    tuple.family = AddressFamily::kIpv4;
  } else if (seen == (kSource6 | kDestination6)) {
    tuple.family = AddressFamily::kIpv6;
  } else {
    return false;
  }
  return true;
}

/// CTA_TUPLE_PROTO: protocol number, and ports or ICMP identity.
bool read_protocol(Bytes bytes, Tuple& tuple, bool& no_ports) {
  bool numbered = false;
  no_ports = true;
  Attributes attributes(bytes);
  Attribute attribute;
  while (attributes.next(attribute)) {
    bool ok = true;
    switch (attribute.type) {
      case CTA_PROTO_NUM:
        ok = numbered = read_integer(attribute, tuple.protocol);
        break;
      case CTA_PROTO_SRC_PORT:
        ok = read_integer(attribute, tuple.source_port);
        no_ports = false;
        break;
      case CTA_PROTO_DST_PORT:
        ok = read_integer(attribute, tuple.destination_port);
        break;
      case CTA_PROTO_ICMP_ID:
      case CTA_PROTO_ICMPV6_ID:
        ok = read_integer(attribute, tuple.icmp_id);
        break;
      case CTA_PROTO_ICMP_TYPE:
      case CTA_PROTO_ICMPV6_TYPE:
        ok = read_integer(attribute, tuple.icmp_type);
        break;
      case CTA_PROTO_ICMP_CODE:
      case CTA_PROTO_ICMPV6_CODE:
        ok = read_integer(attribute, tuple.icmp_code);
        break;
      default:
        break;
    }
    if (!ok) return false;
  }
  return numbered && !attributes.malformed();
}

/// CTA_TUPLE_ORIG, CTA_TUPLE_REPLY.
bool walk_tuple(Bytes bytes, Tuple& tuple, TupleForm& form) {
  bool addressed = false;
  bool has_protocol = false;
  Attributes attributes(bytes);
  Attribute attribute;
  while (attributes.next(attribute)) {
    bool ok = true;
    switch (attribute.type) {
      case CTA_TUPLE_IP:
        ok = addressed = read_addresses(attribute.payload, tuple);
        break;
      case CTA_TUPLE_PROTO:
        ok = has_protocol = read_protocol(attribute.payload, tuple, form.no_ports);
        break;
      case CTA_TUPLE_ZONE:
        ok = form.zoned = read_integer(attribute, tuple.zone);
        break;
      default:
        break;
    }
    if (!ok) return false;
  }
  return addressed && has_protocol && !attributes.malformed();
}

/// CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY, in 64 or (old kernels) 32 bits.
bool walk_counters(Bytes bytes, Counters& counters, bool& complete) {
  bool packets = false;
  bool octets = false;
  Attributes attributes(bytes);
  Attribute attribute;
  while (attributes.next(attribute)) {
    bool ok = true;
    std::uint32_t narrow = 0;
    switch (attribute.type) {
      case CTA_COUNTERS_PACKETS:
        ok = packets = read_integer(attribute, counters.packets);
        break;
      case CTA_COUNTERS_BYTES:
        ok = octets = read_integer(attribute, counters.octets);
        break;
      case CTA_COUNTERS32_PACKETS:
        ok = packets = read_integer(attribute, narrow);
        counters.packets = narrow;
        break;
      case CTA_COUNTERS32_BYTES:
        ok = octets = read_integer(attribute, narrow);
        counters.octets = narrow;
        break;
      default:
        break;
    }
    if (!ok) return false;
  }
  complete = packets && octets;
  return !attributes.malformed();
}

bool walk_timestamps(Bytes bytes, Flow& flow) {
  Attributes attributes(bytes);
  Attribute attribute;
  while (attributes.next(attribute)) {
    if (attribute.type == CTA_TIMESTAMP_START) {
      if (!read_time(attribute, flow.start)) return false;
      flow.present.start = true;
    } else if (attribute.type == CTA_TIMESTAMP_STOP) {
      if (!read_time(attribute, flow.end)) return false;
      flow.present.stop = true;
    }
  }
  return !attributes.malformed();
}

/// The state attribute inside CTA_PROTOINFO_TCP, _DCCP or _SCTP.
bool read_state(Bytes bytes, std::uint16_t state_type, Flow& flow) {
  Attributes attributes(bytes);
  Attribute attribute;
  while (attributes.next(attribute)) {
    if (attribute.type != state_type) continue;
    if (!read_integer(attribute, flow.state)) return false;
    flow.present.state = true;
  }
  return !attributes.malformed();
}

}  // namespace

bool read_tuple(Bytes bytes, Tuple& tuple, TupleForm& form) {
  return usual_layout::read_tuple(bytes, tuple) || walk_tuple(bytes, tuple, form);
}

bool read_counters(Bytes bytes, Counters& counters, bool& complete) {
  if (!usual_layout::read_pair(bytes, CTA_COUNTERS_PACKETS, CTA_COUNTERS_BYTES, counters.packets,
                               counters.octets)) {
    return walk_counters(bytes, counters, complete);
  }
  complete = true;
  return true;
}

bool read_timestamps(Bytes bytes, Flow& flow) {
  return usual_layout::read_timestamps(bytes, flow) || walk_timestamps(bytes, flow);
}

bool read_protocol_information(Bytes bytes, Flow& flow) {
  Attributes attributes(bytes);
  Attribute attribute;
  while (attributes.next(attribute)) {
    bool ok = true;
    switch (attribute.type) {
      case CTA_PROTOINFO_TCP:
        ok = read_state(attribute.payload, CTA_PROTOINFO_TCP_STATE, flow);
        break;
      case CTA_PROTOINFO_DCCP:
        ok = read_state(attribute.payload, CTA_PROTOINFO_DCCP_STATE, flow);
        break;
      case CTA_PROTOINFO_SCTP:
        ok = read_state(attribute.payload, CTA_PROTOINFO_SCTP_STATE, flow);
        break;
      default:
        break;
    }
    if (!ok) return false;
  }
  return !attributes.malformed();
}

}  // namespace ctflow
