// SPDX-License-Identifier: GPL-2.0-or-later
// The Information Elements: the only place where an element's id, length and meaning appear.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "ctflow/flow.hpp"
#include "wire/wire_writer.hpp"

namespace ctflow {

/// One direction of a connection: what one Data Record describes.
struct Record {
  const Flow& flow;
  bool initiator;  ///< true: original direction; false: the responder's, mirrored
};

/// An Information Element as it stands in a template (RFC 7011 section 3.2) together with how it is
/// filled, so that template and record cannot disagree. `encode` writes exactly `length` octets.
struct Field {
  std::uint16_t element;
  std::uint16_t length;
  void (*encode)(FieldWriter&, const Record&);
  std::uint32_t enterprise = 0;  ///< Private Enterprise Number, 0: IANA's own
};

/// RFC 5103 section 6.1: the same element of the other direction.
inline constexpr std::uint32_t kReverseEnterprise = 29305;

/// Names and ids: IANA "IP Flow Information Export (IPFIX) Entities"; NetFlow v9 uses the same ids.
namespace field {

/// Protocols whose tuple carries transport ports (RFC 768, 9293, 3828, 9260, 4340).
constexpr bool has_ports(std::uint8_t protocol) {
  return protocol == 6 || protocol == 17 || protocol == 136 || protocol == 132 || protocol == 33;
}

constexpr std::uint16_t source_port(const Tuple& tuple) {
  return has_ports(tuple.protocol) ? tuple.source_port : std::uint16_t{0};
}
constexpr std::uint16_t destination_port(const Tuple& tuple) {
  return has_ports(tuple.protocol) ? tuple.destination_port : std::uint16_t{0};
}

inline void put_ipv4(FieldWriter& writer, const IpAddress& address) {
  writer.bytes(std::span(address.octets).first<4>());
}
inline void put_ipv6(FieldWriter& writer, const IpAddress& address) {
  writer.bytes(address.octets);
}

inline void put_milliseconds(FieldWriter& writer, TimePoint time) {
  const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  writer.u64(since_epoch.count() > 0 ? static_cast<std::uint64_t>(since_epoch.count()) : 0);
}

/// The responder's record is the mirrored original tuple, so that both records of a translated
/// connection carry the same two addresses (docs/protocol.md, "NAT").
inline const IpAddress& record_source(const Record& record) {
  return record.initiator ? record.flow.original.source : record.flow.original.destination;
}
inline const IpAddress& record_destination(const Record& record) {
  return record.initiator ? record.flow.original.destination : record.flow.original.source;
}

inline const Interfaces& interfaces(const Record& record) {
  return record.initiator ? record.flow.forward_interfaces : record.flow.backward_interfaces;
}
inline const Routing& routing(const Record& record) {
  return record.initiator ? record.flow.forward_routing : record.flow.backward_routing;
}
/// The routing table of the VRF, or without one the conntrack zone.
inline std::uint32_t ingress_vrf(const Record& record) {
  if (routing(record).ingress_vrf != 0) return routing(record).ingress_vrf;
  return record.initiator ? record.flow.original.zone : record.flow.reply.zone;
}
inline std::uint32_t egress_vrf(const Record& record) {
  if (routing(record).egress_vrf != 0) return routing(record).egress_vrf;
  return record.initiator ? record.flow.reply.zone : record.flow.original.zone;
}
inline const DirectionExtras& extras(const Record& record) {
  return record.initiator ? record.flow.extras.original : record.flow.extras.reply;
}

inline void put_icmp_type_code(FieldWriter& writer, const Record& record) {
  const Tuple& tuple = record.initiator ? record.flow.original : record.flow.reply;
  writer.u8(tuple.icmp_type);
  writer.u8(tuple.icmp_code);
}

/// 21 and 22 count from the boot that the message header tells, which is known when the message is
/// finished: Netflow9Encoder fills them in then.
inline void put_later(FieldWriter& writer, const Record& /*record*/) { writer.u32(0); }

inline constexpr Field kOctetDeltaCount{
    1, 8, [](FieldWriter& w, const Record& r) {
      w.u64(r.initiator ? r.flow.forward.octets : r.flow.backward.octets);
    }};
inline constexpr Field kPacketDeltaCount{
    2, 8, [](FieldWriter& w, const Record& r) {
      w.u64(r.initiator ? r.flow.forward.packets : r.flow.backward.packets);
    }};
inline constexpr Field kProtocolIdentifier{
    4, 1, [](FieldWriter& w, const Record& r) { w.u8(r.flow.original.protocol); }};
inline constexpr Field kIpClassOfService{
    5, 1, [](FieldWriter& w, const Record& r) { w.u8(extras(r).class_of_service); }};
/// One octet although the element has two: pmacct 1.7.7 reads zero from two.
inline constexpr Field kTcpControlBits{
    6, 1, [](FieldWriter& w, const Record& r) {
      w.u8(static_cast<std::uint8_t>(extras(r).tcp_control_bits));
    }};
inline constexpr Field kSourceTransportPort{
    7, 2, [](FieldWriter& w, const Record& r) {
      w.u16(r.initiator ? source_port(r.flow.original) : destination_port(r.flow.original));
    }};
inline constexpr Field kSourceIpv4Address{
    8, 4, [](FieldWriter& w, const Record& r) { put_ipv4(w, record_source(r)); }};
inline constexpr Field kIngressInterface{
    10, 4, [](FieldWriter& w, const Record& r) { w.u32(interfaces(r).ingress); }};
inline constexpr Field kDestinationTransportPort{
    11, 2, [](FieldWriter& w, const Record& r) {
      w.u16(r.initiator ? destination_port(r.flow.original) : source_port(r.flow.original));
    }};
inline constexpr Field kDestinationIpv4Address{
    12, 4, [](FieldWriter& w, const Record& r) { put_ipv4(w, record_destination(r)); }};
inline constexpr Field kEgressInterface{
    14, 4, [](FieldWriter& w, const Record& r) { w.u32(interfaces(r).egress); }};
inline constexpr Field kSourceIpv4PrefixLength{
    9, 1, [](FieldWriter& w, const Record& r) { w.u8(routing(r).source_prefix_length); }};
inline constexpr Field kDestinationIpv4PrefixLength{
    13, 1, [](FieldWriter& w, const Record& r) { w.u8(routing(r).destination_prefix_length); }};
inline constexpr Field kIpNextHopIpv4Address{
    15, 4, [](FieldWriter& w, const Record& r) { put_ipv4(w, routing(r).next_hop); }};
inline constexpr Field kFlowEndSysUpTime{21, 4, put_later};
inline constexpr Field kFlowStartSysUpTime{22, 4, put_later};
inline constexpr Field kMinimumIpTotalLength{
    25, 2, [](FieldWriter& w, const Record& r) { w.u16(extras(r).length_min); }};
inline constexpr Field kMaximumIpTotalLength{
    26, 2, [](FieldWriter& w, const Record& r) { w.u16(extras(r).length_max); }};
inline constexpr Field kSourceIpv6Address{
    27, 16, [](FieldWriter& w, const Record& r) { put_ipv6(w, record_source(r)); }};
inline constexpr Field kDestinationIpv6Address{
    28, 16, [](FieldWriter& w, const Record& r) { put_ipv6(w, record_destination(r)); }};
inline constexpr Field kSourceIpv6PrefixLength{
    29, 1, [](FieldWriter& w, const Record& r) { w.u8(routing(r).source_prefix_length); }};
inline constexpr Field kDestinationIpv6PrefixLength{
    30, 1, [](FieldWriter& w, const Record& r) { w.u8(routing(r).destination_prefix_length); }};
inline constexpr Field kIcmpTypeCodeIpv4{32, 2, put_icmp_type_code};
inline constexpr Field kMinimumTtl{
    52, 1, [](FieldWriter& w, const Record& r) { w.u8(extras(r).ttl_min); }};
inline constexpr Field kMaximumTtl{
    53, 1, [](FieldWriter& w, const Record& r) { w.u8(extras(r).ttl_max); }};
inline constexpr Field kIpNextHopIpv6Address{
    62, 16, [](FieldWriter& w, const Record& r) { put_ipv6(w, routing(r).next_hop); }};
inline constexpr Field kFlowEndReason{136, 1, [](FieldWriter& w, const Record& r) {
                                        w.u8(static_cast<std::uint8_t>(r.flow.end_reason));
                                      }};
inline constexpr Field kIcmpTypeCodeIpv6{139, 2, put_icmp_type_code};
inline constexpr Field kFlowId{148, 8, [](FieldWriter& w, const Record& r) { w.u64(r.flow.id); }};
inline constexpr Field kFlowStartMilliseconds{
    152, 8, [](FieldWriter& w, const Record& r) { put_milliseconds(w, r.flow.start); }};
inline constexpr Field kFlowEndMilliseconds{
    153, 8, [](FieldWriter& w, const Record& r) { put_milliseconds(w, r.flow.end); }};

// After translation a packet of the initiator travels as the reply tuple reversed.
inline constexpr Field kPostNatSourceIpv4Address{
    225, 4, [](FieldWriter& w, const Record& r) { put_ipv4(w, r.flow.reply.destination); }};
inline constexpr Field kPostNatDestinationIpv4Address{
    226, 4, [](FieldWriter& w, const Record& r) { put_ipv4(w, r.flow.reply.source); }};
inline constexpr Field kPostNaptSourceTransportPort{
    227, 2, [](FieldWriter& w, const Record& r) { w.u16(destination_port(r.flow.reply)); }};
inline constexpr Field kPostNaptDestinationTransportPort{
    228, 2, [](FieldWriter& w, const Record& r) { w.u16(source_port(r.flow.reply)); }};
inline constexpr Field kPostNatSourceIpv6Address{
    281, 16, [](FieldWriter& w, const Record& r) { put_ipv6(w, r.flow.reply.destination); }};
inline constexpr Field kPostNatDestinationIpv6Address{
    282, 16, [](FieldWriter& w, const Record& r) { put_ipv6(w, r.flow.reply.source); }};

inline constexpr Field kIngressVrfId{
    234, 4, [](FieldWriter& w, const Record& r) { w.u32(ingress_vrf(r)); }};
inline constexpr Field kEgressVrfId{235, 4,
                                    [](FieldWriter& w, const Record& r) { w.u32(egress_vrf(r)); }};

}  // namespace field
}  // namespace ctflow
