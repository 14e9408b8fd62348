// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/templates.hpp"

#include <array>
#include <cassert>
#include <utility>

namespace ctflow {
namespace {

template <std::size_t kLeft, std::size_t kRight>
constexpr auto operator+(const std::array<Field, kLeft>& left,
                         const std::array<Field, kRight>& right) {
  std::array<Field, kLeft + kRight> all{};
  for (std::size_t i = 0; i < kLeft; ++i) all[i] = left[i];
  for (std::size_t i = 0; i < kRight; ++i) all[kLeft + i] = right[i];
  return all;
}

using namespace field;  // the tables below are lists of these names

constexpr std::array<Field, 0> kNothing{};
constexpr std::array kIpv4Head{kSourceIpv4Address, kDestinationIpv4Address};
constexpr std::array kIpv6Head{kSourceIpv6Address, kDestinationIpv6Address};
constexpr std::array kCounts{kOctetDeltaCount, kPacketDeltaCount};
constexpr std::array kIpfixTimes{kFlowStartMilliseconds, kFlowEndMilliseconds};
constexpr std::array kNetflow9Times{kFlowStartSysUpTime, kFlowEndSysUpTime};
// No flowDirection (61): a connection's record is of the interface where its packets came in and of
// the one where they went out, so neither value would be true.
constexpr std::array kTail{kIngressInterface,         kEgressInterface,    kSourceTransportPort,
                           kDestinationTransportPort, kProtocolIdentifier, kFlowEndReason};
constexpr std::array kIpv4Translation{kPostNatSourceIpv4Address, kPostNatDestinationIpv4Address,
                                      kPostNaptSourceTransportPort,
                                      kPostNaptDestinationTransportPort};
constexpr std::array kIpv6Translation{kPostNatSourceIpv6Address, kPostNatDestinationIpv6Address,
                                      kPostNaptSourceTransportPort,
                                      kPostNaptDestinationTransportPort};
constexpr std::array kZones{kIngressVrfId, kEgressVrfId};
constexpr std::array kExtras{kIpClassOfService, kTcpControlBits};
constexpr std::array kPacketProperties{kMinimumTtl, kMaximumTtl, kMinimumIpTotalLength,
                                       kMaximumIpTotalLength};

/// How much of the kernel's extras a layout has.
enum class Extent : std::uint8_t { kPlain, kMore, kMost };

constexpr bool is_ipv4(RecordKind kind) { return kind <= RecordKind::kIpv4IcmpNat; }

template <RecordKind kKind>
constexpr auto head() {
  if constexpr (is_ipv4(kKind)) {
    return kIpv4Head;
  } else {
    return kIpv6Head;
  }
}

template <Format kFormat>
constexpr auto body() {
  if constexpr (kFormat == Format::kIpfix) {
    return kCounts + kIpfixTimes + kTail + std::array{kFlowId};
  } else {
    // flowId makes nfdump take a NetFlow v9 record for a firewall event: IPFIX only.
    return kCounts + kNetflow9Times + kTail;
  }
}

template <RecordKind kKind>
constexpr auto translation() {
  if constexpr (kKind == RecordKind::kIpv4Nat || kKind == RecordKind::kIpv4IcmpNat ||
                kKind == RecordKind::kNat64 || kKind == RecordKind::kIcmpNat64) {
    return kIpv4Translation;
  } else if constexpr (kKind == RecordKind::kIpv6Nat || kKind == RecordKind::kIpv6IcmpNat) {
    return kIpv6Translation;
  } else {
    return kNothing;
  }
}

template <Format kFormat, RecordKind kKind>
constexpr auto icmp() {
  constexpr bool kIsIcmp = kKind == RecordKind::kIpv4Icmp || kKind == RecordKind::kIpv4IcmpNat ||
                           kKind == RecordKind::kIpv6Icmp || kKind == RecordKind::kIpv6IcmpNat ||
                           kKind == RecordKind::kIcmpNat64;
  if constexpr (!kIsIcmp) {
    return kNothing;
  } else if constexpr (is_ipv4(kKind) || kFormat == Format::kNetflow9) {
    return std::array{kIcmpTypeCodeIpv4};  // NetFlow v9 collectors read 32 for both families
  } else {
    return std::array{kIcmpTypeCodeIpv6};
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

template <Extent kExtent>
constexpr auto extras_fields() {
  if constexpr (kExtent == Extent::kMost) {
    return kExtras + kPacketProperties;
  } else if constexpr (kExtent == Extent::kMore) {
    return kExtras;
  } else {
    return kNothing;
  }
}

template <Format kFormat, RecordKind kKind, bool kWithZones, Extent kExtent>
constexpr auto kLayout = head<kKind>() + body<kFormat>() + translation<kKind>() +
                         icmp<kFormat, kKind>() + zones<kWithZones>() + extras_fields<kExtent>();

constexpr std::size_t record_length(std::span<const Field> fields) {
  std::size_t length = 0;
  for (const Field& item : fields) length += item.length;
  return length;
}

template <const auto& kFields, std::size_t... kIndex>
void encode_fields(FieldWriter& writer, const Record& record, std::index_sequence<kIndex...>) {
  (kFields[kIndex].encode(writer, record), ...);  // constant pointers: the compiler inlines them
}

template <const auto& kFields>
void encode_layout(WireWriter& writer, const Record& record, std::span<const Field> /*fields*/) {
  constexpr std::size_t kLength = record_length(kFields);
  std::byte* room = writer.claim(kLength);
  if (room == nullptr) return;
  FieldWriter fields(room);
  encode_fields<kFields>(fields, record, std::make_index_sequence<kFields.size()>());
  assert(fields.position() == room + kLength);
}

// Another layout, another id: each choice moves the ids by a step of its own. 256 to 473 are spent:
// they stood for the same layouts with flowDirection.
constexpr std::uint16_t kFirstId = kDefaultTemplates;
constexpr std::uint16_t kExtrasStep = 16;
constexpr std::uint16_t kZonesStep = 64;
constexpr std::uint16_t kPacketPropertiesStep = 128;

constexpr std::uint16_t first_id(bool with_zones, Extent extent) {
  std::uint16_t id = kFirstId;
  if (with_zones) id += kZonesStep;
  if (extent != Extent::kPlain) id += kExtrasStep;
  if (extent == Extent::kMost) id += kPacketPropertiesStep;
  return id;
}

template <Format kFormat, bool kWithZones, Extent kExtent, std::size_t... kIndex>
constexpr auto templates_of(std::index_sequence<kIndex...>) {
  return std::array<Template, kRecordKinds>{Template{
      static_cast<std::uint16_t>(first_id(kWithZones, kExtent) + kIndex),
      kLayout<kFormat, static_cast<RecordKind>(kIndex), kWithZones, kExtent>,
      encode_layout<kLayout<kFormat, static_cast<RecordKind>(kIndex), kWithZones, kExtent>>}...};
}

/// The plain templates, and behind them those for connections with extras, if any.
template <Format kFormat, bool kWithZones, Extent kExtent>
constexpr auto make_templates() {
  constexpr auto kKinds = std::make_index_sequence<kRecordKinds>();
  constexpr auto kBasic = templates_of<kFormat, kWithZones, Extent::kPlain>(kKinds);
  if constexpr (kExtent == Extent::kPlain) {
    return kBasic;
  } else {
    constexpr auto kWithExtras = templates_of<kFormat, kWithZones, kExtent>(kKinds);
    std::array<Template, 2 * kRecordKinds> both{};
    for (std::size_t i = 0; i < kRecordKinds; ++i) {
      both[i] = kBasic[i];
      both[kRecordKinds + i] = kWithExtras[i];
    }
    return both;
  }
}

template <Format kFormat, bool kWithZones, Extent kExtent>
constexpr auto kTemplates = make_templates<kFormat, kWithZones, kExtent>();

template <Format kFormat, bool kWithZones>
std::span<const Template> select(const EncoderOptions& options) {
  if (!options.extras) return kTemplates<kFormat, kWithZones, Extent::kPlain>;
  if (!options.packet_properties) return kTemplates<kFormat, kWithZones, Extent::kMore>;
  return kTemplates<kFormat, kWithZones, Extent::kMost>;
}

template <Format kFormat>
std::span<const Template> select(const EncoderOptions& options) {
  return options.zones ? select<kFormat, true>(options) : select<kFormat, false>(options);
}

template <Format kFormat, RecordKind kKind, bool kWithZones = false,
          Extent kExtent = Extent::kPlain>
constexpr std::size_t kLength = record_length(kLayout<kFormat, kKind, kWithZones, kExtent>);

static_assert(kLength<Format::kIpfix, RecordKind::kIpv4> == 62);
static_assert(kLength<Format::kIpfix, RecordKind::kIpv4Nat> == 74);
static_assert(kLength<Format::kIpfix, RecordKind::kIpv4Icmp> == 64);
static_assert(kLength<Format::kIpfix, RecordKind::kIpv4IcmpNat> == 76);
static_assert(kLength<Format::kIpfix, RecordKind::kIpv6> == 86);
static_assert(kLength<Format::kIpfix, RecordKind::kIpv6Nat> == 122);
static_assert(kLength<Format::kIpfix, RecordKind::kNat64> == 98);
static_assert(kLength<Format::kIpfix, RecordKind::kIpv6Icmp> == 88);
static_assert(kLength<Format::kIpfix, RecordKind::kIpv6IcmpNat> == 124);
static_assert(kLength<Format::kIpfix, RecordKind::kIcmpNat64> == 100);
static_assert(kLength<Format::kIpfix, RecordKind::kIpv4, true> == 70);
static_assert(kLength<Format::kIpfix, RecordKind::kIpv4, false, Extent::kMore> == 64);
static_assert(kLength<Format::kIpfix, RecordKind::kIpv4, false, Extent::kMost> == 70);
static_assert(kLength<Format::kNetflow9, RecordKind::kIpv4> == 46);
static_assert(kLength<Format::kNetflow9, RecordKind::kIpv4Nat> == 58);
static_assert(kLength<Format::kNetflow9, RecordKind::kIpv4Icmp> == 48);
static_assert(kLength<Format::kNetflow9, RecordKind::kIpv6> == 70);

}  // namespace

std::span<const Template> default_templates(Format format, const EncoderOptions& options) {
  return format == Format::kIpfix ? select<Format::kIpfix>(options)
                                  : select<Format::kNetflow9>(options);
}

RecordKind record_kind(const Record& record) {
  constexpr std::uint8_t kProtocolIcmp = 1;
  constexpr std::uint8_t kProtocolIcmpv6 = 58;
  const Tuple& original = record.flow.original;
  const bool nat = record.initiator && translated(record.flow);
  if (original.family == AddressFamily::kIpv4) {
    if (original.protocol == kProtocolIcmp) {
      return nat ? RecordKind::kIpv4IcmpNat : RecordKind::kIpv4Icmp;
    }
    return nat ? RecordKind::kIpv4Nat : RecordKind::kIpv4;
  }
  const bool nat64 = record.flow.reply.family == AddressFamily::kIpv4;
  if (original.protocol == kProtocolIcmpv6) {
    if (!nat) return RecordKind::kIpv6Icmp;
    return nat64 ? RecordKind::kIcmpNat64 : RecordKind::kIpv6IcmpNat;
  }
  if (!nat) return RecordKind::kIpv6;
  return nat64 ? RecordKind::kNat64 : RecordKind::kIpv6Nat;
}

}  // namespace ctflow
