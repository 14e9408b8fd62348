// SPDX-License-Identifier: GPL-2.0-or-later
// What the Information Elements have as values, one function for each. The element table
// (encode/element_table.hpp) says which element has which.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "encode/record.hpp"
#include "encode/value.hpp"
#include "wire/mac_octets.hpp"

namespace ctflow {

// Of a Flow Record.
namespace record_value {

/// Protocols whose tuple carries transport ports (RFC 768, 9293, 3828, 9260, 4340).
inline constexpr auto kHasPorts = [] {
  std::array<bool, 256> all{};
  for (const std::size_t protocol : {6U, 17U, 136U, 132U, 33U}) all[protocol] = true;
  return all;
}();
constexpr bool has_ports(std::uint8_t protocol) { return kHasPorts[protocol]; }
constexpr std::uint16_t source_port_of(const Tuple& tuple) {
  return has_ports(tuple.protocol) ? tuple.source_port : std::uint16_t{0};
}
constexpr std::uint16_t destination_port_of(const Tuple& tuple) {
  return has_ports(tuple.protocol) ? tuple.destination_port : std::uint16_t{0};
}

inline Milliseconds milliseconds(TimePoint time) {
  using std::chrono::milliseconds;
  if (time < TimePoint{}) return {};
  return Milliseconds(std::chrono::duration_cast<milliseconds>(time.time_since_epoch()));
}

// The responder's record is the mirrored original tuple, so that both records of a translated
// connection carry the same two addresses (docs/protocol.md, "NAT").
inline const IpAddress& source(const Record& record) {
  return record.initiator ? record.flow.original.source : record.flow.original.destination;
}
inline const IpAddress& destination(const Record& record) {
  return record.initiator ? record.flow.original.destination : record.flow.original.source;
}
inline std::uint16_t source_port(const Record& record) {
  return record.initiator ? source_port_of(record.flow.original)
                          : destination_port_of(record.flow.original);
}
inline std::uint16_t destination_port(const Record& record) {
  return record.initiator ? destination_port_of(record.flow.original)
                          : source_port_of(record.flow.original);
}

// After translation a packet of the initiator has the addresses of the reply tuple reversed. What
// the responder sends is exported with the addresses of the original tuple, and what is not
// translated leaves as it came: there the elements equal those of the record.
inline const IpAddress& post_nat_source(const Record& record) {
  return record.initiator ? record.flow.reply.destination : source(record);
}
inline const IpAddress& post_nat_destination(const Record& record) {
  return record.initiator ? record.flow.reply.source : destination(record);
}
inline std::uint16_t post_napt_source_port(const Record& record) {
  return destination_port_of(record.initiator ? record.flow.reply : record.flow.original);
}
inline std::uint16_t post_napt_destination_port(const Record& record) {
  return source_port_of(record.initiator ? record.flow.reply : record.flow.original);
}

inline std::uint64_t octets(const Record& record) {
  return record.initiator ? record.flow.original_counters.octets
                          : record.flow.reply_counters.octets;
}
inline std::uint64_t packets(const Record& record) {
  return record.initiator ? record.flow.original_counters.packets
                          : record.flow.reply_counters.packets;
}
inline std::uint8_t protocol(const Record& record) { return record.flow.original.protocol; }
inline std::uint8_t ip_version(const Record& record) {
  return record.flow.original.family == AddressFamily::kIpv4 ? 4 : 6;
}
inline std::uint16_t icmp_type_code(const Record& record) {
  const Tuple& tuple = record.initiator ? record.flow.original : record.flow.reply;
  return static_cast<std::uint16_t>(tuple.icmp_type << 8 | tuple.icmp_code);
}
inline std::uint8_t end_reason(const Record& record) {
  return static_cast<std::uint8_t>(record.flow.end_reason);
}
inline std::uint64_t flow_id(const Record& record) { return record.flow.id; }
inline std::uint8_t biflow_direction(const Record& /*record*/) { return 1; }  // initiator

inline Milliseconds start(const Record& record) { return milliseconds(record.flow.start); }
inline Milliseconds end(const Record& record) { return milliseconds(record.flow.end); }
/// The difference of the two times as they are exported.
inline std::uint32_t duration(const Record& record) {
  using std::chrono::milliseconds;
  const auto duration = (std::chrono::floor<milliseconds>(record.flow.end) -
                         std::chrono::floor<milliseconds>(record.flow.start))
                            .count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(duration, 0, 0xffffffff));
}
/// 21 and 22 are relative to the sysUpTime of the message header: Netflow9Encoder::finish() writes
/// them.
inline Deferred uptime(const Record& /*record*/) { return {}; }

inline const Interfaces& interfaces(const Record& record) {
  return record.initiator ? record.flow.original_interfaces : record.flow.reply_interfaces;
}
inline std::uint32_t ingress_interface(const Record& record) { return interfaces(record).ingress; }
inline std::uint32_t egress_interface(const Record& record) { return interfaces(record).egress; }

inline const Routing& routing(const Record& record) {
  return record.initiator ? record.flow.original_routing : record.flow.reply_routing;
}
inline const IpAddress& next_hop(const Record& record) { return routing(record).next_hop; }
inline std::uint8_t source_prefix_length(const Record& record) {
  return routing(record).source_prefix_length;
}
inline std::uint8_t destination_prefix_length(const Record& record) {
  return routing(record).destination_prefix_length;
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

inline const NetworkOrigin& source_origin(const Record& record) {
  return record.initiator ? record.flow.initiator_origin : record.flow.responder_origin;
}
inline const NetworkOrigin& destination_origin(const Record& record) {
  return record.initiator ? record.flow.responder_origin : record.flow.initiator_origin;
}
inline std::uint32_t source_as(const Record& record) { return source_origin(record).as_number; }
inline std::uint32_t destination_as(const Record& record) {
  return destination_origin(record).as_number;
}

/// Two letters; empty: unknown.
inline std::string_view country_of(const NetworkOrigin& origin) {
  if (origin.country.front() == '\0') return {};
  return {origin.country.data(), origin.country.size()};
}
inline std::string_view source_country(const Record& record) {
  return country_of(source_origin(record));
}
inline std::string_view destination_country(const Record& record) {
  return country_of(destination_origin(record));
}

inline std::uint32_t mark(const Record& record) { return record.flow.mark; }

/// Of a host behind the translation: the record has the address before it, and the host has the
/// address behind it.
inline MacAddress mac_address(std::uint64_t mac) { return {wire::mac_octets(mac)}; }
inline MacAddress source_mac(const Record& record) {
  return mac_address(record.initiator ? record.flow.initiator_mac : record.flow.responder_mac);
}
inline MacAddress destination_mac(const Record& record) {
  return mac_address(record.initiator ? record.flow.responder_mac : record.flow.initiator_mac);
}

inline std::string_view user(const Record& record) { return record.flow.user; }

inline const DirectionExtras& extras(const Record& record) {
  return record.initiator ? record.flow.extras.original : record.flow.extras.reply;
}
inline std::uint8_t class_of_service(const Record& record) {
  return extras(record).class_of_service;
}
inline std::uint16_t tcp_control_bits(const Record& record) {
  return extras(record).tcp_control_bits;
}
inline std::uint16_t length_min(const Record& record) { return extras(record).length_min; }
inline std::uint16_t length_max(const Record& record) { return extras(record).length_max; }
inline std::uint8_t ttl_min(const Record& record) { return extras(record).ttl_min; }
inline std::uint8_t ttl_max(const Record& record) { return extras(record).ttl_max; }

}  // namespace record_value

// Of the record of a NAT event (RFC 8158), where they differ from those of a Flow Record.
namespace nat_event_value {

inline Milliseconds time(const Record& record) {
  return record_value::milliseconds(happened_at(record.flow));
}

/// IANA natEvent (230). NAT66 has none of its own, so that it gets the historic pair.
inline std::uint8_t event(const Record& record) {
  const bool created = record.flow.event == FlowEvent::kCreated;
  switch (translation_kind(record.flow)) {
    case TranslationKind::kNat44:
      return created ? 4 : 5;
    case TranslationKind::kNat64:
      return created ? 6 : 7;
    case TranslationKind::kNat66:
      break;
  }
  return created ? 1 : 2;
}

constexpr bool is_icmp(const Tuple& tuple) { return tuple.protocol == 1 || tuple.protocol == 58; }

/// The port, or ICMP's identifier, which is translated in its place.
inline std::uint16_t source_port(const Record& record) {
  const Tuple& tuple = record.flow.original;
  return is_icmp(tuple) ? tuple.icmp_id : record_value::source_port_of(tuple);
}
inline std::uint16_t post_napt_source_port(const Record& record) {
  const Tuple& tuple = record.flow.reply;
  return is_icmp(tuple) ? tuple.icmp_id : record_value::destination_port_of(tuple);
}

}  // namespace nat_event_value

// Of an options record.
namespace options_value {

inline std::uint32_t observation_domain(const OptionsRecord& r) { return r.observation_domain; }
inline std::uint32_t exporting_process(const OptionsRecord& r) { return r.exporting_process; }
inline std::uint32_t sampling_interval(const OptionsRecord& /*r*/) { return 1; }
inline std::uint8_t sampling_algorithm(const OptionsRecord& /*r*/) { return 1; }  // deterministic
inline std::uint32_t interface(const OptionsRecord& r) { return r.interface; }
inline std::string_view interface_name(const OptionsRecord& r) { return r.interface_name; }
inline std::uint64_t exported_messages(const OptionsRecord& r) {
  return r.statistics.exported_messages;
}
inline std::uint64_t exported_records(const OptionsRecord& r) {
  return r.statistics.exported_records;
}
inline std::uint64_t exported_octets(const OptionsRecord& r) {
  return r.statistics.exported_octets;
}
inline std::uint64_t ignored_packets(const OptionsRecord& r) {
  return r.statistics.ignored_packets;
}
inline std::uint64_t ignored_octets(const OptionsRecord& r) { return r.statistics.ignored_octets; }
inline std::uint64_t not_sent_flows(const OptionsRecord& r) { return r.statistics.not_sent_flows; }
inline std::uint64_t not_sent_packets(const OptionsRecord& r) {
  return r.statistics.not_sent_packets;
}
inline std::uint64_t not_sent_octets(const OptionsRecord& r) {
  return r.statistics.not_sent_octets;
}

}  // namespace options_value
}  // namespace ctflow
