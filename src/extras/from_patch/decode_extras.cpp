// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_patch/decode_extras.hpp"

#include <algorithm>

#include "nf_conntrack_flow.h"

namespace ctflow {
namespace {

/// 32 bits on the wire, 16 in the record: packets longer than that count as 65535.
bool read_length(const Attribute& attribute, std::uint16_t& length) {
  std::uint32_t octets = 0;
  if (!read_integer(attribute, octets)) return false;
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
        extras.has_interfaces = read_integer(attribute, extras.interfaces.ingress);
        break;
      case CTA_FLOW_DIR_OIF:  // absent while no packet has left: 0
        read_integer(attribute, extras.interfaces.egress);
        break;
      case CTA_FLOW_DIR_TCP_FLAGS:
        read_integer(attribute, extras.tcp_control_bits);
        break;
      case CTA_FLOW_DIR_TOS:
        read_integer(attribute, extras.class_of_service);
        break;
      case CTA_FLOW_DIR_TTL_MIN:
        read_integer(attribute, extras.ttl_min);
        break;
      case CTA_FLOW_DIR_TTL_MAX:
        read_integer(attribute, extras.ttl_max);
        break;
      case CTA_FLOW_DIR_LEN_MIN:
        read_length(attribute, extras.length_min);
        break;
      case CTA_FLOW_DIR_LEN_MAX:
        read_length(attribute, extras.length_max);
        break;
      case CTA_FLOW_DIR_WIRE_PACKETS:
        packets = read_integer(attribute, extras.wire.packets);
        break;
      case CTA_FLOW_DIR_WIRE_OCTETS:
        octets = read_integer(attribute, extras.wire.octets);
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
        read_integer(attribute, version);
        break;
      case CTA_FLOW_ORIG:
        well_formed = well_formed && decode_direction(attribute.payload, found.original);
        break;
      case CTA_FLOW_REPLY:
        well_formed = well_formed && decode_direction(attribute.payload, found.reply);
        break;
      case CTA_FLOW_REASON:
        read_integer(attribute, found.reason);
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
