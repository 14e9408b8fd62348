// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/elements.hpp"

#include <algorithm>
#include <array>

namespace ctflow {
namespace {

using namespace field;  // the table below is a list of these names
using Of = Element::Of;
using In = Element::In;

/// Behind a translation a packet of the initiator is the reply tuple reversed; what the responder
/// sends is told with the addresses of the original tuple, so there nothing changes.
const IpAddress& translated_source(const Record& r) {
  return r.initiator ? r.flow.reply.destination : record_source(r);
}
const IpAddress& translated_destination(const Record& r) {
  return r.initiator ? r.flow.reply.source : record_destination(r);
}
AddressFamily translated_family(const Record& r) {
  return r.initiator ? r.flow.reply.family : r.flow.original.family;
}

void put_if(AddressFamily family, FieldWriter& w, const Record& r, const IpAddress& address) {
  const IpAddress& shown = translated_family(r) == family ? address : IpAddress{};
  family == AddressFamily::kIpv4 ? put_ipv4(w, shown) : put_ipv6(w, shown);
}

constexpr Field kTranslatedSource4{225, 4, [](FieldWriter& w, const Record& r) {
                                     put_if(AddressFamily::kIpv4, w, r, translated_source(r));
                                   }};
constexpr Field kTranslatedDestination4{226, 4, [](FieldWriter& w, const Record& r) {
                                          put_if(AddressFamily::kIpv4, w, r,
                                                 translated_destination(r));
                                        }};
constexpr Field kTranslatedSource6{281, 16, [](FieldWriter& w, const Record& r) {
                                     put_if(AddressFamily::kIpv6, w, r, translated_source(r));
                                   }};
constexpr Field kTranslatedDestination6{282, 16, [](FieldWriter& w, const Record& r) {
                                          put_if(AddressFamily::kIpv6, w, r,
                                                 translated_destination(r));
                                        }};
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
constexpr Field kFlowDurationMilliseconds{
    161, 4, [](FieldWriter& w, const Record& r) {
      const auto duration =
          std::chrono::floor<std::chrono::milliseconds>(r.flow.end - r.flow.start).count();
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
    Element{"destinationIPv4PrefixLength", kDestinationIpv4PrefixLength, Of::kIpv4},
    Element{"egressInterface", kEgressInterface},
    Element{"ipNextHopIPv4Address", kIpNextHopIpv4Address, Of::kIpv4},
    Element{"flowEndSysUpTime", kFlowEndSysUpTime, Of::kBoth, In::kNetflow9},
    Element{"flowStartSysUpTime", kFlowStartSysUpTime, Of::kBoth, In::kNetflow9},
    Element{"minimumIpTotalLength", kMinimumIpTotalLength},
    Element{"maximumIpTotalLength", kMaximumIpTotalLength},
    Element{"sourceIPv6Address", kSourceIpv6Address, Of::kIpv6},
    Element{"destinationIPv6Address", kDestinationIpv6Address, Of::kIpv6},
    Element{"sourceIPv6PrefixLength", kSourceIpv6PrefixLength, Of::kIpv6},
    Element{"destinationIPv6PrefixLength", kDestinationIpv6PrefixLength, Of::kIpv6},
    Element{"icmpTypeCodeIPv4", kIcmpTypeCodeIpv4, Of::kIpv4},
    Element{"minimumTTL", kMinimumTtl},
    Element{"maximumTTL", kMaximumTtl},
    Element{"ipVersion", kIpVersion},
    Element{"flowDirection", kFlowDirection},
    Element{"ipNextHopIPv6Address", kIpNextHopIpv6Address, Of::kIpv6},
    Element{"flowEndReason", kFlowEndReason},
    Element{"icmpTypeCodeIPv6", kIcmpTypeCodeIpv6, Of::kIpv6},
    // In NetFlow v9 nfdump takes a record with it for a firewall event.
    Element{"flowId", kFlowId, Of::kBoth, In::kIpfix},
    Element{"flowStartMilliseconds", kFlowStartMilliseconds},
    Element{"flowEndMilliseconds", kFlowEndMilliseconds},
    Element{"flowDurationMilliseconds", kFlowDurationMilliseconds},
    Element{"postNATSourceIPv4Address", kTranslatedSource4},
    Element{"postNATDestinationIPv4Address", kTranslatedDestination4},
    Element{"postNAPTSourceTransportPort", kTranslatedSourcePort},
    Element{"postNAPTDestinationTransportPort", kTranslatedDestinationPort},
    Element{"ingressVRFID", kIngressVrfId},
    Element{"egressVRFID", kEgressVrfId},
    Element{"postNATSourceIPv6Address", kTranslatedSource6, Of::kIpv6},
    Element{"postNATDestinationIPv6Address", kTranslatedDestination6, Of::kIpv6},
};

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

std::vector<Field> fields_of(const std::vector<std::string>& names, AddressFamily family) {
  const Of other = family == AddressFamily::kIpv4 ? Of::kIpv6 : Of::kIpv4;
  std::vector<Field> fields;
  for (const std::string& name : names) {
    const Element* element = find_element(name);
    if (element != nullptr && element->family != other) fields.push_back(element->field);
  }
  return fields;
}

bool fits(const Element& element, Format format) {
  if (element.format == In::kBoth) return true;
  return (element.format == In::kIpfix) == (format == Format::kIpfix);
}

}  // namespace ctflow
