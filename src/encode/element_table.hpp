// SPDX-License-Identifier: GPL-2.0-or-later
// THE element table: one row for each Information Element. Templates, records, options, the names
// of `elements:` and docs/elements.md come from it. NetFlow v9 uses the same ids. Behind it are the
// elements that IANA does not have, whose ids are ctflowd's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "encode/elements.hpp"
#include "encode/record_values.hpp"

namespace ctflow {
namespace element_table {

using C = Carrier;
using F = Protocols;
using T = DataType;
namespace r = record_value;
namespace e = nat_event_value;
namespace o = options_value;
inline constexpr std::nullptr_t kNone = nullptr;

/// A row: its values in Flow Records, in NAT events where they differ, and in options records.
template <std::uint16_t kLength, auto kRecord, auto kNatEvent = nullptr, auto kOptions = nullptr>
constexpr Element row(std::uint16_t id, std::string_view name, DataType type, Carrier carrier,
                      Protocols protocols, std::string_view meaning) {
  return {id,
          name,
          type,
          kLength,
          carrier,
          protocols,
          meaning,
          make_accessor<Record, kLength, kRecord>(),
          make_accessor<Record, kLength, kNatEvent>(),
          make_accessor<OptionsRecord, kLength, kOptions>()};
}

/// One that IANA does not have.
constexpr Element own(Element element) {
  element.own = true;
  return element;
}

// clang-format off
inline constexpr std::array kElements{
  row<8, r::octets>(1, "octetDeltaCount", T::kUnsigned64, C::kAll, F::kBoth,
    "Octets of this direction since the previous report, IP headers included"),
  row<8, r::packets>(2, "packetDeltaCount", T::kUnsigned64, C::kAll, F::kBoth,
    "Packets of this direction since the previous report"),
  row<1, r::protocol>(4, "protocolIdentifier", T::kUnsigned8, C::kAll, F::kBoth,
    "IP protocol number"),
  row<1, r::class_of_service>(5, "ipClassOfService", T::kUnsigned8, C::kAll, F::kBoth,
    "ToS or traffic class of the first packet; needs a patched kernel or eBPF programs"),
  // Shorter than the type: pmacct 1.7.7 reads zero from two octets.
  row<1, r::tcp_control_bits>(6, "tcpControlBits", T::kUnsigned16, C::kAll, F::kBoth,
    "TCP flags of all segments; needs a patched kernel or eBPF programs"),
  row<2, r::source_port, e::source_port>(7, "sourceTransportPort", T::kUnsigned16, C::kAll, F::kBoth,
    "Source port of TCP, UDP, UDP-Lite, SCTP and DCCP, else 0; in NAT events ICMP's identifier"),
  row<4, r::source>(8, "sourceIPv4Address", T::kIpv4Address, C::kIpv4, F::kBoth,
    "Source address before translation"),
  row<1, r::source_prefix_length>(9, "sourceIPv4PrefixLength", T::kUnsigned8, C::kIpv4, F::kBoth,
    "Prefix length of the route to the source; 0: unknown"),
  row<4, r::ingress_interface, kNone, o::interface>(10, "ingressInterface", T::kUnsigned32, C::kAll, F::kBoth,
    "ifIndex where the packets came in; 0: unknown, or this host"),
  row<2, r::destination_port>(11, "destinationTransportPort", T::kUnsigned16, C::kAll, F::kBoth,
    "Destination port, as sourceTransportPort"),
  row<4, r::destination>(12, "destinationIPv4Address", T::kIpv4Address, C::kIpv4, F::kBoth,
    "Destination address before translation"),
  row<1, r::destination_prefix_length>(13, "destinationIPv4PrefixLength", T::kUnsigned8, C::kPostNatIpv4, F::kBoth,
    "Prefix length of the route to the destination; 0: unknown"),
  row<4, r::egress_interface>(14, "egressInterface", T::kUnsigned32, C::kAll, F::kBoth,
    "ifIndex where the packets went out; 0: unknown, or this host"),
  row<4, r::next_hop>(15, "ipNextHopIPv4Address", T::kIpv4Address, C::kPostNatIpv4, F::kBoth,
    "Gateway towards the destination, after translation; zeros: on-link or unknown"),
  row<4, r::source_as>(16, "bgpSourceAsNumber", T::kUnsigned32, C::kAll, F::kBoth,
    "AS number of the source address (enrich.as_database); 0: unknown"),
  row<4, r::destination_as>(17, "bgpDestinationAsNumber", T::kUnsigned32, C::kAll, F::kBoth,
    "AS number of the destination address, as bgpSourceAsNumber"),
  row<4, r::uptime>(21, "flowEndSysUpTime", T::kUnsigned32, C::kAll, F::kNetflow9,
    "Last packet, in milliseconds of the sysUpTime of the message header"),
  row<4, r::uptime>(22, "flowStartSysUpTime", T::kUnsigned32, C::kAll, F::kNetflow9,
    "Creation of the connection or end of the previous report, like flowEndSysUpTime"),
  row<2, r::length_min>(25, "minimumIpTotalLength", T::kUnsigned64, C::kAll, F::kBoth,
    "Octets of the shortest packet, 65535: that or more; needs a patched kernel or eBPF programs"),
  row<2, r::length_max>(26, "maximumIpTotalLength", T::kUnsigned64, C::kAll, F::kBoth,
    "Octets of the longest packet, 65535: that or more; needs a patched kernel or eBPF programs"),
  row<16, r::source>(27, "sourceIPv6Address", T::kIpv6Address, C::kIpv6, F::kBoth,
    "Source address before translation"),
  row<16, r::destination>(28, "destinationIPv6Address", T::kIpv6Address, C::kIpv6, F::kBoth,
    "Destination address before translation"),
  row<1, r::source_prefix_length>(29, "sourceIPv6PrefixLength", T::kUnsigned8, C::kIpv6, F::kBoth,
    "Prefix length of the route to the source; 0: unknown"),
  row<1, r::destination_prefix_length>(30, "destinationIPv6PrefixLength", T::kUnsigned8, C::kPostNatIpv6, F::kBoth,
    "Prefix length of the route to the destination; 0: unknown"),
  row<2, r::icmp_type_code>(32, "icmpTypeCodeIPv4", T::kUnsigned16, C::kIcmpv4, F::kBoth,
    "ICMP type * 256 + code of this direction; in NetFlow v9 templates also of ICMPv6"),
  row<4, kNone, kNone, o::sampling_interval>(34, "samplingInterval", T::kUnsigned32, C::kOptions, F::kBoth,
    "1: every packet is counted"),
  row<1, kNone, kNone, o::sampling_algorithm>(35, "samplingAlgorithm", T::kUnsigned8, C::kOptions, F::kBoth,
    "1: deterministic"),
  row<8, kNone, kNone, o::exported_octets>(40, "exportedOctetTotalCount", T::kUnsigned64, C::kOptions, F::kBoth,
    "Octets of messages that were sent to this collector"),
  row<8, kNone, kNone, o::exported_messages>(41, "exportedMessageTotalCount", T::kUnsigned64, C::kOptions, F::kBoth,
    "Messages that were sent to this collector"),
  row<8, kNone, kNone, o::exported_records>(42, "exportedFlowRecordTotalCount", T::kUnsigned64, C::kOptions, F::kBoth,
    "Flow Records that were sent to this collector"),
  row<1, r::ttl_min>(52, "minimumTTL", T::kUnsigned8, C::kAll, F::kBoth,
    "Smallest TTL or hop limit; needs a patched kernel or eBPF programs"),
  row<1, r::ttl_max>(53, "maximumTTL", T::kUnsigned8, C::kAll, F::kBoth,
    "Largest TTL or hop limit; needs a patched kernel or eBPF programs"),
  row<6, r::source_mac>(56, "sourceMacAddress", T::kMacAddress, C::kAll, F::kBoth,
    "MAC address of the host that sends, where it is on a link of this router; zeros: unknown"),
  row<1, r::ip_version>(60, "ipVersion", T::kUnsigned8, C::kAll, F::kBoth,
    "4 or 6, before translation"),
  row<16, r::next_hop>(62, "ipNextHopIPv6Address", T::kIpv6Address, C::kPostNatIpv6, F::kBoth,
    "Gateway towards the destination, after translation; zeros: on-link or unknown"),
  row<6, r::destination_mac>(80, "destinationMacAddress", T::kMacAddress, C::kAll, F::kBoth,
    "MAC address of the host that receives, as sourceMacAddress"),
  row<16, kNone, kNone, o::interface_name>(82, "interfaceName", T::kString, C::kOptions, F::kBoth,
    "Name of the interface, padded with zeros"),
  row<16, kNone, kNone, o::interface_name>(83, "interfaceDescription", T::kString, C::kOptions, F::kBoth,
    "The same name: nfdump skips a record without a description"),
  row<1, r::end_reason>(136, "flowEndReason", T::kUnsigned8, C::kAll, F::kBoth,
    "1 idle timeout, 2 active timeout, 3 end of flow, 4 forced end, 5 lack of resources"),
  row<2, r::icmp_type_code>(139, "icmpTypeCodeIPv6", T::kUnsigned16, C::kIcmpv6, F::kBoth,
    "ICMPv6 type * 256 + code of this direction"),
  row<4, kNone, kNone, o::exporting_process>(144, "exportingProcessId", T::kUnsigned32, C::kOptions, F::kIpfix,
    "Number of this Exporting Process, one per collector, unique on this host"),
  // nfdump takes a NetFlow v9 record with it for a firewall event.
  row<8, r::flow_id>(148, "flowId", T::kUnsigned64, C::kAll, F::kIpfix,
    "conntrack's id of the connection (CTA_ID)"),
  row<4, kNone, kNone, o::observation_domain>(149, "observationDomainId", T::kUnsigned32, C::kOptions, F::kIpfix,
    "Observation Domain ID"),
  // nfdump 1.7.1 shows 1970 for a NAT event without 152 and 153.
  row<8, r::start, e::time>(152, "flowStartMilliseconds", T::kDateTimeMilliseconds, C::kAll, F::kBoth,
    "Creation of the connection, or end of the previous report; of NAT events their time"),
  row<8, r::end, e::time>(153, "flowEndMilliseconds", T::kDateTimeMilliseconds, C::kAll, F::kBoth,
    "Last packet; of NAT events their time"),
  row<4, r::duration>(161, "flowDurationMilliseconds", T::kUnsigned32, C::kAll, F::kBoth,
    "flowEndMilliseconds - flowStartMilliseconds"),
  row<8, kNone, kNone, o::ignored_packets>(164, "ignoredPacketTotalCount", T::kUnsigned64, C::kOptions, F::kIpfix,
    "Packets that existing connections had counted before ctflowd started, with existing: skip"),
  row<8, kNone, kNone, o::ignored_octets>(165, "ignoredOctetTotalCount", T::kUnsigned64, C::kOptions, F::kIpfix,
    "Octets of the same"),
  row<8, kNone, kNone, o::not_sent_flows>(166, "notSentFlowTotalCount", T::kUnsigned64, C::kOptions, F::kIpfix,
    "Flow Records that were lost: in messages, in overruns, and of uncounted connections"),
  row<8, kNone, kNone, o::not_sent_packets>(167, "notSentPacketTotalCount", T::kUnsigned64, C::kOptions, F::kIpfix,
    "Packets of lost messages"),
  row<8, kNone, kNone, o::not_sent_octets>(168, "notSentOctetTotalCount", T::kUnsigned64, C::kOptions, F::kIpfix,
    "Octets of the same"),
  row<4, r::post_nat_source>(225, "postNATSourceIPv4Address", T::kIpv4Address, C::kPostNatIpv4, F::kBoth,
    "Source address after translation"),
  row<4, r::post_nat_destination>(226, "postNATDestinationIPv4Address", T::kIpv4Address, C::kPostNatIpv4, F::kBoth,
    "Destination address after translation"),
  row<2, r::post_napt_source_port, e::post_napt_source_port>(227, "postNAPTSourceTransportPort", T::kUnsigned16, C::kAll, F::kBoth,
    "Source port after translation; in NAT events ICMP's identifier"),
  row<2, r::post_napt_destination_port>(228, "postNAPTDestinationTransportPort", T::kUnsigned16, C::kAll, F::kBoth,
    "Destination port after translation"),
  row<1, kNone, e::event>(230, "natEvent", T::kUnsigned8, C::kNatEvent, F::kBoth,
    "NAT44 4 created, 5 deleted; NAT64 6, 7; NAT66, which has no values of its own, 1, 2"),
  row<4, r::ingress_vrf>(234, "ingressVRFID", T::kUnsigned32, C::kAll, F::kBoth,
    "Routing table of the VRF the packets came in through, or without one the conntrack zone"),
  row<4, r::egress_vrf>(235, "egressVRFID", T::kUnsigned32, C::kAll, F::kBoth,
    "Routing table of the VRF the packets left through, or without one the conntrack zone"),
  row<1, r::biflow_direction>(239, "biflowDirection", T::kUnsigned8, C::kBiflow, F::kIpfix,
    "1: the forward direction is the initiator's"),
  row<16, r::post_nat_source>(281, "postNATSourceIPv6Address", T::kIpv6Address, C::kPostNatIpv6, F::kBoth,
    "Source address after translation"),
  row<16, r::post_nat_destination>(282, "postNATDestinationIPv6Address", T::kIpv6Address, C::kPostNatIpv6, F::kBoth,
    "Destination address after translation"),
  row<8, kNone, e::time>(323, "observationTimeMilliseconds", T::kDateTimeMilliseconds, C::kNatEvent, F::kBoth,
    "When the event was read"),
  row<64, r::user>(371, "userName", T::kString, C::kAll, F::kBoth,
    "Name of the user (enrich.user_names), UTF-8, at most 63 octets; empty: unknown"),
};

/// What IANA has no element for. An id is never used again for another value.
inline constexpr std::array kOwnElements{
  own(row<4, r::mark>(1, "conntrackMark", T::kUnsigned32, C::kAll, F::kIpfix,
    "Mark of the connection (CTA_MARK, ct mark) when it was reported; 0: none")),
  own(row<3, r::source_country>(2, "sourceCountry", T::kString, C::kAll, F::kIpfix,
    "Country of the source address by ISO 3166-1, two letters (enrich.country_database); empty: unknown")),
  own(row<3, r::destination_country>(3, "destinationCountry", T::kString, C::kAll, F::kIpfix,
    "Country of the destination address, as sourceCountry")),
};
// clang-format on

/// Octets of a type; the encoded length may be less (RFC 7011 section 6.2). Strings: any.
constexpr std::size_t size_of(DataType type) {
  switch (type) {
    case DataType::kUnsigned8:
      return 1;
    case DataType::kUnsigned16:
      return 2;
    case DataType::kUnsigned32:
    case DataType::kIpv4Address:
      return 4;
    case DataType::kMacAddress:
      return 6;
    case DataType::kUnsigned64:
    case DataType::kDateTimeMilliseconds:
      return 8;
    case DataType::kIpv6Address:
      return 16;
    case DataType::kString:
      break;
  }
  return 65535;
}

template <std::size_t kRows>
constexpr bool is_sound(const std::array<Element, kRows>& rows) {
  for (std::size_t i = 0; i < kRows; ++i) {
    const Element& one = rows[i];
    if (i > 0 && rows[i - 1].id >= one.id) return false;              // ascending: each id once
    if (one.own && one.protocols != Protocols::kIpfix) return false;  // NetFlow v9 has no owners
    if (one.length > size_of(one.type)) return false;
    const bool is_integer = one.type <= DataType::kUnsigned64;
    if (!is_integer && one.type != DataType::kString && one.length != size_of(one.type)) {
      return false;
    }
    const bool by_record = one.carrier <= Carrier::kBiflow;
    if (by_record != one.record.present) return false;
    if (one.carrier == Carrier::kNatEvent && !one.nat_event.present) return false;
    if (one.carrier == Carrier::kOptions && !one.options.present) return false;
  }
  return true;
}
static_assert(is_sound(kElements));
static_assert(is_sound(kOwnElements));

}  // namespace element_table

/// The row of this name. Another name does not compile.
consteval const Element& element(std::string_view name) {
  for (const Element& one : element_table::kElements) {
    if (one.name == name) return one;
  }
  throw std::invalid_argument("no row of the element table has this name");
}

/// Fields of Flow Records.
template <typename... Names>
consteval std::array<Field, sizeof...(Names)> fields(const Names&... names) {
  return {Field{element(names).id, element(names).length, element(names).record.write}...};
}

/// Fields of the record of a NAT event.
template <typename... Names>
consteval std::array<Field, sizeof...(Names)> nat_event_fields(const Names&... names) {
  const auto write = [](const Element& one) {
    return one.nat_event.present ? one.nat_event.write : one.record.write;
  };
  return {Field{element(names).id, element(names).length, write(element(names))}...};
}

/// Fields of options records.
template <typename... Names>
consteval std::array<OptionsField, sizeof...(Names)> options_fields(const Names&... names) {
  return {OptionsField{element(names).id, element(names).length, element(names).options.write}...};
}

}  // namespace ctflow
