// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/decode_extras.hpp"

#include <algorithm>
#include <limits>

#include "nf_conntrack_flow.h"

namespace ctflow {
namespace {

template <typename T>
bool read(const Attribute& attribute, T& value) {
  if (attribute.payload.size() < sizeof(T)) return false;
  value = load_big_endian<T>(attribute.payload);
  return true;
}

bool read_time(const Attribute& attribute, TimePoint& time) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  std::uint64_t nanoseconds = 0;
  if (!read(attribute, nanoseconds) || nanoseconds > kLargest) return false;
  time = TimePoint(std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds)));
  return true;
}

/// 32 bits on the wire, 16 in the record: packets longer than that are told as 65535.
bool read_length(const Attribute& attribute, std::uint16_t& length) {
  std::uint32_t octets = 0;
  if (!read(attribute, octets)) return false;
  length = static_cast<std::uint16_t>(std::min<std::uint32_t>(octets, 65535));
  return true;
}

/// CTA_FLOW_ORIG, CTA_FLOW_REPLY.
bool decode_direction(Bytes payload, DirectionExtras& extras) {
  bool first = false;
  bool last = false;
  bool packets = false;
  bool octets = false;
  Attributes attributes(payload);
  Attribute attribute;
  while (attributes.next(attribute)) {
    switch (attribute.type) {
      case CTA_FLOW_DIR_FIRST:
        first = read_time(attribute, extras.first);
        break;
      case CTA_FLOW_DIR_LAST:
        last = read_time(attribute, extras.last);
        break;
      case CTA_FLOW_DIR_IIF:
        extras.has_interfaces = read(attribute, extras.interfaces.ingress);
        break;
      case CTA_FLOW_DIR_OIF:  // absent while no packet has left: 0
        read(attribute, extras.interfaces.egress);
        break;
      case CTA_FLOW_DIR_TCP_FLAGS:
        read(attribute, extras.tcp_control_bits);
        break;
      case CTA_FLOW_DIR_TOS:
        read(attribute, extras.class_of_service);
        break;
      case CTA_FLOW_DIR_TTL_MIN:
        read(attribute, extras.ttl_min);
        break;
      case CTA_FLOW_DIR_TTL_MAX:
        read(attribute, extras.ttl_max);
        break;
      case CTA_FLOW_DIR_LEN_MIN:
        read_length(attribute, extras.length_min);
        break;
      case CTA_FLOW_DIR_LEN_MAX:
        read_length(attribute, extras.length_max);
        break;
      case CTA_FLOW_DIR_WIRE_PACKETS:
        packets = read(attribute, extras.wire.packets);
        break;
      case CTA_FLOW_DIR_WIRE_OCTETS:
        octets = read(attribute, extras.wire.octets);
        break;
      default:
        break;
    }
  }
  extras.has_times = first && last;
  extras.has_wire = packets && octets;
  return !attributes.malformed();
}

}  // namespace

void decode_extras(Bytes payload, KernelExtras& extras) {
  extras = KernelExtras{};
  KernelExtras found;
  std::uint8_t version = 0;
  bool well_formed = true;
  Attributes attributes(payload);
  Attribute attribute;
  while (attributes.next(attribute)) {
    switch (attribute.type) {
      case CTA_FLOW_VERSION:
        read(attribute, version);
        break;
      case CTA_FLOW_ORIG:
        well_formed = well_formed && decode_direction(attribute.payload, found.original);
        break;
      case CTA_FLOW_REPLY:
        well_formed = well_formed && decode_direction(attribute.payload, found.reply);
        break;
      case CTA_FLOW_REASON:
        read(attribute, found.reason);
        break;
      default:
        break;
    }
  }
  if (!well_formed || attributes.malformed() || version != CTA_FLOW_VERSION_1) return;
  extras = found;
  extras.present = true;
}

}  // namespace ctflow
