// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/templates.hpp"

#include <array>
#include <cassert>
#include <utility>

#include "encode/element_table.hpp"
#include "encode/field_lists.hpp"

namespace ctflow {
namespace {

using namespace field_lists;

constexpr std::array<Field, 0> kNothing{};
// No flowDirection (61): a connection's record is of the interface where its packets came in and of
// the one where they went out, so neither value would be true.
constexpr auto kTail = fields("ingressInterface", "egressInterface", "sourceTransportPort",
                              "destinationTransportPort", "protocolIdentifier", "flowEndReason");
constexpr auto kFlowId = fields("flowId");
constexpr auto kIpv4Translation =
    fields("postNATSourceIPv4Address", "postNATDestinationIPv4Address",
           "postNAPTSourceTransportPort", "postNAPTDestinationTransportPort");
constexpr auto kIpv6Translation =
    fields("postNATSourceIPv6Address", "postNATDestinationIPv6Address",
           "postNAPTSourceTransportPort", "postNAPTDestinationTransportPort");
constexpr auto kIcmpv4 = fields("icmpTypeCodeIPv4");
constexpr auto kIcmpv6 = fields("icmpTypeCodeIPv6");
constexpr auto kExtras = fields("ipClassOfService", "tcpControlBits");
constexpr auto kPacketProperties =
    fields("minimumTTL", "maximumTTL", "minimumIpTotalLength", "maximumIpTotalLength");

/// How much of the kernel's extras a layout has.
enum class Extent : std::uint8_t { kPlain, kMore, kMost };

template <RecordKind kKind>
constexpr auto head() {
  if constexpr (is_ipv4(kKind)) {
    return kIpv4Ends;
  } else {
    return kIpv6Ends;
  }
}

template <Protocol kProtocol>
constexpr auto body() {
  if constexpr (kProtocol == Protocol::kIpfix) {
    return kCounts + kIpfixTimes + kTail + kFlowId;
  } else {
    // flowId makes nfdump take a NetFlow v9 record for a firewall event: IPFIX only.
    return kCounts + kNetflow9Times + kTail;
  }
}

template <RecordKind kKind>
constexpr auto translation() {
  if constexpr (!is_translated(kKind)) {
    return kNothing;
  } else if constexpr (is_ipv4(kKind) || is_nat64(kKind)) {
    return kIpv4Translation;
  } else {
    return kIpv6Translation;
  }
}

template <Protocol kProtocol, RecordKind kKind>
constexpr auto icmp() {
  constexpr bool kIsIcmp = kKind == RecordKind::kIpv4Icmp || kKind == RecordKind::kIpv4IcmpNat ||
                           kKind == RecordKind::kIpv6Icmp || kKind == RecordKind::kIpv6IcmpNat ||
                           kKind == RecordKind::kIcmpNat64;
  if constexpr (!kIsIcmp) {
    return kNothing;
  } else if constexpr (is_ipv4(kKind) || kProtocol == Protocol::kNetflow9) {
    return kIcmpv4;  // NetFlow v9 collectors read 32 for both families
  } else {
    return kIcmpv6;
  }
}

template <bool kWithZones>
constexpr auto zones() {
  if constexpr (kWithZones) {
    return kZones;
  } else {
    return kNothing;
  }
}

constexpr auto kAllExtras = kExtras + kPacketProperties;

/// Of kAllExtras.
constexpr std::size_t count_of(Extent extent) {
  switch (extent) {
    case Extent::kPlain:
      return 0;
    case Extent::kMore:
      return kExtras.size();
    case Extent::kMost:
      return kAllExtras.size();
  }
  return 0;
}

/// That of the greatest extent. Extras stand last, so that the others are the beginning of it.
template <Protocol kProtocol, RecordKind kKind, bool kWithZones>
constexpr auto kLayout = head<kKind>() + body<kProtocol>() + translation<kKind>() +
                         icmp<kProtocol, kKind>() + zones<kWithZones>() + kAllExtras;

template <std::size_t kCount>
constexpr std::span<const Field> part_of(const std::array<Field, kCount>& layout, Extent extent) {
  return std::span(layout).first(kCount - kAllExtras.size() + count_of(extent));
}

/// Where the fields of a layout begin in a record; at the end its length.
template <std::size_t kCount>
constexpr std::array<std::size_t, kCount + 1> offsets_of(const std::array<Field, kCount>& layout) {
  std::array<std::size_t, kCount + 1> offsets{};
  for (std::size_t i = 0; i < kCount; ++i) offsets[i + 1] = offsets[i] + layout[i].length;
  return offsets;
}

template <const auto& kFields, std::size_t... kIndex>
void write_fields(std::byte* room, const Record& record, std::index_sequence<kIndex...>) {
  constexpr auto kOffsets = offsets_of(kFields);
  (kFields[kIndex].write(room + kOffsets[kIndex], record), ...);  // constants: they are inlined
}

template <const auto& kFields>
constexpr std::size_t kPlainCount = kFields.size() - kAllExtras.size();
template <const auto& kFields>
constexpr std::size_t kPlainLength = offsets_of(kFields)[kPlainCount<kFields>];
template <Extent kExtent>
constexpr std::size_t kExtrasLength = offsets_of(kAllExtras)[count_of(kExtent)];

/// `kTranslated`: only records of the initiator have the layout.
template <const auto& kFields, bool kTranslated>
[[gnu::flatten]] void encode_plain(WireWriter& writer, const Record& record,
                                   const Template& /*layout*/) {
  constexpr auto kIndexes = std::make_index_sequence<kPlainCount<kFields>>();
  std::byte* room = writer.claim(kPlainLength<kFields>);
  if (room == nullptr) return;
  assert(record.initiator || !kTranslated);
  // Of which side it is decides most fields: asked once, not by each of them.
  if (kTranslated || record.initiator) {
    write_fields<kFields>(room, {record.flow, true}, kIndexes);
  } else {
    write_fields<kFields>(room, {record.flow, false}, kIndexes);
  }
}

/// The room is no part of the flow, so that what both records have is computed once.
template <const auto& kFields>
[[gnu::flatten]] void write_both(std::byte* __restrict initiator, std::byte* __restrict responder,
                                 const Flow& flow) {
  constexpr auto kIndexes = std::make_index_sequence<kPlainCount<kFields>>();
  write_fields<kFields>(initiator, {flow, true}, kIndexes);
  write_fields<kFields>(responder, {flow, false}, kIndexes);
}

template <const auto& kFields>
[[gnu::flatten]] void encode_both_plain(std::byte* __restrict room, const Flow& flow,
                                        const Template& /*layout*/) {
  write_both<kFields>(room, room + kPlainLength<kFields>, flow);
}

template <Extent kExtent>
[[gnu::flatten]] void write_extras(std::byte* room, const Record& record) {
  write_fields<kAllExtras>(room, record, std::make_index_sequence<count_of(kExtent)>());
}

/// Extras are written apart: the other fields of all extents by the same code.
template <const auto& kFields, Extent kExtent, bool kTranslated>
void encode_with_extras(WireWriter& writer, const Record& record, const Template& layout) {
  encode_plain<kFields, kTranslated>(writer, record, layout);
  std::byte* const room = writer.claim(kExtrasLength<kExtent>);
  if (room != nullptr) write_extras<kExtent>(room, record);
}

template <const auto& kFields, Extent kExtent>
void encode_both_with_extras(std::byte* room, const Flow& flow, const Template& layout) {
  write_both<kFields>(room, room + layout.length, flow);
  std::byte* const extras = room + kPlainLength<kFields>;
  write_extras<kExtent>(extras, {flow, true});
  write_extras<kExtent>(extras + layout.length, {flow, false});
}

template <const auto& kFields, Extent kExtent, bool kTranslated>
constexpr Template make_template(std::uint16_t id) {
  Template made{id, 0, part_of(kFields, kExtent), encode_plain<kFields, kTranslated>, nullptr};
  made.length = static_cast<std::uint16_t>(record_length(made.fields));
  if constexpr (kExtent != Extent::kPlain) {
    made.encode = encode_with_extras<kFields, kExtent, kTranslated>;
    if constexpr (!kTranslated) made.encode_both = encode_both_with_extras<kFields, kExtent>;
  } else if constexpr (!kTranslated) {
    made.encode_both = encode_both_plain<kFields>;
  }
  return made;
}

constexpr std::uint16_t first_id(bool with_zones, Extent extent) {
  return template_ids::first_id(
      template_ids::kDefault,
      {with_zones, false, extent != Extent::kPlain, extent == Extent::kMost});
}
static_assert(template_ids::kDefault.count == kRecordKinds);

template <Protocol kProtocol, bool kWithZones, Extent kExtent, std::size_t... kIndex>
constexpr auto templates_of(std::index_sequence<kIndex...>) {
  return std::array<Template, kRecordKinds>{
      make_template<kLayout<kProtocol, static_cast<RecordKind>(kIndex), kWithZones>, kExtent,
                    is_translated(static_cast<RecordKind>(kIndex))>(
          static_cast<std::uint16_t>(first_id(kWithZones, kExtent) + kIndex))...};
}

/// The plain templates, then those for connections with extras, if any.
template <Protocol kProtocol, bool kWithZones, Extent kExtent>
constexpr auto make_templates() {
  constexpr auto kKinds = std::make_index_sequence<kRecordKinds>();
  constexpr auto kBasic = templates_of<kProtocol, kWithZones, Extent::kPlain>(kKinds);
  if constexpr (kExtent == Extent::kPlain) {
    return kBasic;
  } else {
    constexpr auto kWithExtras = templates_of<kProtocol, kWithZones, kExtent>(kKinds);
    std::array<Template, 2 * kRecordKinds> both{};
    for (std::size_t i = 0; i < kRecordKinds; ++i) {
      both[i] = kBasic[i];
      both[kRecordKinds + i] = kWithExtras[i];
    }
    return both;
  }
}

template <Protocol kProtocol, bool kWithZones, Extent kExtent>
constexpr auto kTemplates = make_templates<kProtocol, kWithZones, kExtent>();

template <Protocol kProtocol, bool kWithZones>
std::span<const Template> select(const EncoderOptions& options) {
  if (!options.extras) return kTemplates<kProtocol, kWithZones, Extent::kPlain>;
  if (!options.packet_properties) return kTemplates<kProtocol, kWithZones, Extent::kMore>;
  return kTemplates<kProtocol, kWithZones, Extent::kMost>;
}

template <Protocol kProtocol>
std::span<const Template> select(const EncoderOptions& options) {
  return options.zones ? select<kProtocol, true>(options) : select<kProtocol, false>(options);
}

template <Protocol kProtocol, RecordKind kKind, bool kWithZones = false,
          Extent kExtent = Extent::kPlain>
constexpr std::size_t kLength = record_length(part_of(kLayout<kProtocol, kKind, kWithZones>,
                                                      kExtent));

static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv4> == 62);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv4Nat> == 74);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv4Icmp> == 64);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv4IcmpNat> == 76);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv6> == 86);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv6Nat> == 122);
static_assert(kLength<Protocol::kIpfix, RecordKind::kNat64> == 98);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv6Icmp> == 88);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv6IcmpNat> == 124);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIcmpNat64> == 100);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv4, true> == 70);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv4, false, Extent::kMore> == 64);
static_assert(kLength<Protocol::kIpfix, RecordKind::kIpv4, false, Extent::kMost> == 70);
static_assert(kLength<Protocol::kNetflow9, RecordKind::kIpv4> == 46);
static_assert(kLength<Protocol::kNetflow9, RecordKind::kIpv4Nat> == 58);
static_assert(kLength<Protocol::kNetflow9, RecordKind::kIpv4Icmp> == 48);
static_assert(kLength<Protocol::kNetflow9, RecordKind::kIpv6> == 70);

}  // namespace

std::span<const Template> default_templates(Protocol protocol, const EncoderOptions& options) {
  return protocol == Protocol::kIpfix ? select<Protocol::kIpfix>(options)
                                      : select<Protocol::kNetflow9>(options);
}

}  // namespace ctflow
