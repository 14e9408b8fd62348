// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/elements.hpp"

#include <algorithm>
#include <array>

namespace ctflow {
namespace {

using namespace field;  // the table below is a list of these names
using Of = Element::Of;
using In = Element::In;

// Behind a translation a packet of the initiator is the reply tuple reversed; what the responder
// sends is exported with the addresses of the original tuple, so there nothing changes. Without a
// translation the packets leave as they came: the elements equal those of the record.
const IpAddress& translated_source(const Record& r) {
  return r.initiator ? r.flow.reply.destination : record_source(r);
}
const IpAddress& translated_destination(const Record& r) {
  return r.initiator ? r.flow.reply.source : record_destination(r);
}

constexpr Field kTranslatedSource4{
    225, 4, [](FieldWriter& w, const Record& r) { put_ipv4(w, translated_source(r)); }};
constexpr Field kTranslatedDestination4{
    226, 4, [](FieldWriter& w, const Record& r) { put_ipv4(w, translated_destination(r)); }};
constexpr Field kTranslatedSource6{
    281, 16, [](FieldWriter& w, const Record& r) { put_ipv6(w, translated_source(r)); }};
constexpr Field kTranslatedDestination6{
    282, 16, [](FieldWriter& w, const Record& r) { put_ipv6(w, translated_destination(r)); }};
constexpr Field kTranslatedSourcePort{
    227, 2, [](FieldWriter& w, const Record& r) {
      w.u16(destination_port(r.initiator ? r.flow.reply : r.flow.original));
    }};
constexpr Field kTranslatedDestinationPort{
    228, 2, [](FieldWriter& w, const Record& r) {
      w.u16(source_port(r.initiator ? r.flow.reply : r.flow.original));
    }};

constexpr Field kIpVersion{60, 1, [](FieldWriter& w, const Record& r) {
                             w.u8(r.flow.original.family == AddressFamily::kIpv4 ? 4 : 6);
                           }};
/// The difference of flowEndMilliseconds and flowStartMilliseconds as they are exported.
constexpr Field kFlowDurationMilliseconds{
    161, 4, [](FieldWriter& w, const Record& r) {
      using std::chrono::milliseconds;
      const auto duration = (std::chrono::floor<milliseconds>(r.flow.end) -
                             std::chrono::floor<milliseconds>(r.flow.start))
                                .count();
      w.u32(static_cast<std::uint32_t>(std::clamp<std::int64_t>(duration, 0, 0xffffffff)));
    }};

constexpr std::array kElements{
    Element{"octetDeltaCount", kOctetDeltaCount},
    Element{"packetDeltaCount", kPacketDeltaCount},
    Element{"protocolIdentifier", kProtocolIdentifier},
    Element{"ipClassOfService", kIpClassOfService},
    Element{"tcpControlBits", kTcpControlBits},
    Element{"sourceTransportPort", kSourceTransportPort},
    Element{"sourceIPv4Address", kSourceIpv4Address, Of::kIpv4},
    Element{"sourceIPv4PrefixLength", kSourceIpv4PrefixLength, Of::kIpv4},
    Element{"ingressInterface", kIngressInterface},
    Element{"destinationTransportPort", kDestinationTransportPort},
    Element{"destinationIPv4Address", kDestinationIpv4Address, Of::kIpv4},
    Element{"destinationIPv4PrefixLength", kDestinationIpv4PrefixLength, Of::kBehindIpv4},
    Element{"egressInterface", kEgressInterface},
    Element{"ipNextHopIPv4Address", kIpNextHopIpv4Address, Of::kBehindIpv4},
    Element{"flowEndSysUpTime", kFlowEndSysUpTime, Of::kAll, In::kNetflow9},
    Element{"flowStartSysUpTime", kFlowStartSysUpTime, Of::kAll, In::kNetflow9},
    Element{"minimumIpTotalLength", kMinimumIpTotalLength},
    Element{"maximumIpTotalLength", kMaximumIpTotalLength},
    Element{"sourceIPv6Address", kSourceIpv6Address, Of::kIpv6},
    Element{"destinationIPv6Address", kDestinationIpv6Address, Of::kIpv6},
    Element{"sourceIPv6PrefixLength", kSourceIpv6PrefixLength, Of::kIpv6},
    Element{"destinationIPv6PrefixLength", kDestinationIpv6PrefixLength, Of::kBehindIpv6},
    Element{"icmpTypeCodeIPv4", kIcmpTypeCodeIpv4, Of::kIcmpv4},
    Element{"minimumTTL", kMinimumTtl},
    Element{"maximumTTL", kMaximumTtl},
    Element{"ipVersion", kIpVersion},
    Element{"ipNextHopIPv6Address", kIpNextHopIpv6Address, Of::kBehindIpv6},
    Element{"flowEndReason", kFlowEndReason},
    Element{"icmpTypeCodeIPv6", kIcmpTypeCodeIpv6, Of::kIcmpv6},
    // In NetFlow v9 nfdump takes a record with it for a firewall event.
    Element{"flowId", kFlowId, Of::kAll, In::kIpfix},
    Element{"flowStartMilliseconds", kFlowStartMilliseconds},
    Element{"flowEndMilliseconds", kFlowEndMilliseconds},
    Element{"flowDurationMilliseconds", kFlowDurationMilliseconds},
    Element{"postNATSourceIPv4Address", kTranslatedSource4, Of::kBehindIpv4},
    Element{"postNATDestinationIPv4Address", kTranslatedDestination4, Of::kBehindIpv4},
    Element{"postNAPTSourceTransportPort", kTranslatedSourcePort},
    Element{"postNAPTDestinationTransportPort", kTranslatedDestinationPort},
    Element{"ingressVRFID", kIngressVrfId},
    Element{"egressVRFID", kEgressVrfId},
    Element{"postNATSourceIPv6Address", kTranslatedSource6, Of::kBehindIpv6},
    Element{"postNATDestinationIPv6Address", kTranslatedDestination6, Of::kBehindIpv6},
};

/// In the order of RecordKind.
constexpr std::array<std::string_view, kRecordKinds> kKindNames{"IPv4",
                                                                "translated IPv4",
                                                                "ICMP",
                                                                "translated ICMP",
                                                                "IPv6",
                                                                "translated IPv6",
                                                                "IPv6 translated to IPv4",
                                                                "ICMPv6",
                                                                "translated ICMPv6",
                                                                "ICMPv6 translated to IPv4"};

bool belongs(Of records, RecordKind kind) {
  const bool ipv4 = kind <= RecordKind::kIpv4IcmpNat;
  const bool behind_ipv4 = ipv4 || kind == RecordKind::kNat64 || kind == RecordKind::kIcmpNat64;
  switch (records) {
    case Of::kAll:
      return true;
    case Of::kIpv4:
      return ipv4;
    case Of::kIpv6:
      return !ipv4;
    case Of::kBehindIpv4:
      return behind_ipv4;
    case Of::kBehindIpv6:
      return !behind_ipv4;
    case Of::kIcmpv4:
      return kind == RecordKind::kIpv4Icmp || kind == RecordKind::kIpv4IcmpNat;
    case Of::kIcmpv6:
      return kind >= RecordKind::kIpv6Icmp;
  }
  return false;
}

}  // namespace

const Element* find_element(std::string_view name) {
  const auto* found = std::find_if(kElements.begin(), kElements.end(),
                                   [name](const Element& element) { return element.name == name; });
  return found == kElements.end() ? nullptr : found;
}

std::vector<std::string> element_names() {
  std::vector<std::string> names;
  names.reserve(kElements.size());
  for (const Element& element : kElements) names.emplace_back(element.name);
  return names;
}

std::vector<Field> fields_of(const std::vector<std::string>& names, RecordKind kind) {
  std::vector<Field> fields;
  for (const std::string& name : names) {
    const Element* element = find_element(name);
    if (element != nullptr && belongs(element->records, kind)) fields.push_back(element->field);
  }
  return fields;
}

std::optional<std::string_view> kind_without_elements(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < kRecordKinds; ++i) {
    if (fields_of(names, static_cast<RecordKind>(i)).empty()) return kKindNames[i];
  }
  return std::nullopt;
}

bool fits(const Element& element, Format format) {
  if (element.format == In::kBoth) return true;
  return (element.format == In::kIpfix) == (format == Format::kIpfix);
}

}  // namespace ctflow
