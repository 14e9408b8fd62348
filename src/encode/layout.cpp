// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/layout.hpp"

#include <algorithm>
#include <numeric>

#include "encode/elements.hpp"
#include "encode/nat_fields.hpp"

namespace ctflow {
namespace {

using namespace field;  // the lists below are of these names
using Fields = std::vector<Field>;

// Template IDs. Another layout, another id: collectors keep templates for hours. The default
// profile has 1280 to 1497 (templates.cpp); every choice moves the ids by a step of its own. Spent
// are 256 to 473, 512 to 729, and the same 2048 higher.
constexpr std::uint16_t kBiflowFirst = 1536;
constexpr std::uint16_t kMinimalFirst = 768;
constexpr std::uint16_t kNatEventsFirst = 1024;
constexpr std::uint16_t kExtrasStep = 16;
constexpr std::uint16_t kZonesStep = 64;
constexpr std::uint16_t kPacketPropertiesStep = 128;
constexpr std::uint16_t kNextHopStep = 2048;
constexpr std::uint16_t kElementsFirst = 32768;

constexpr Field kReverseOctetDeltaCount{
    1, 8, [](FieldWriter& w, const Record& r) { w.u64(r.flow.backward.octets); },
    kReverseEnterprise};
constexpr Field kReversePacketDeltaCount{
    2, 8, [](FieldWriter& w, const Record& r) { w.u64(r.flow.backward.packets); },
    kReverseEnterprise};
constexpr Field kBiflowDirection{
    239, 1, [](FieldWriter& w, const Record&) { w.u8(1); }};  // forward is the initiator's

std::uint16_t step(const EncoderOptions& options, bool with_extras) {
  unsigned steps = 0;
  if (options.zones) steps += kZonesStep;
  if (options.next_hop) steps += kNextHopStep;
  if (with_extras) steps += kExtrasStep;
  if (with_extras && options.packet_properties) steps += kPacketPropertiesStep;
  return static_cast<std::uint16_t>(steps);
}

void append(Fields& fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
}

bool is_ipv4(RecordKind kind) { return kind <= RecordKind::kIpv4IcmpNat; }

bool is_nat64(RecordKind kind) {
  return kind == RecordKind::kNat64 || kind == RecordKind::kIcmpNat64;
}

/// The next hop of a translated connection is of the family behind the translation.
Fields next_hop(RecordKind kind) {
  if (is_ipv4(kind)) {
    return {kIpNextHopIpv4Address, kSourceIpv4PrefixLength, kDestinationIpv4PrefixLength};
  }
  if (is_nat64(kind)) {
    return {kIpNextHopIpv4Address, kSourceIpv6PrefixLength, kDestinationIpv4PrefixLength};
  }
  return {kIpNextHopIpv6Address, kSourceIpv6PrefixLength, kDestinationIpv6PrefixLength};
}

void encode_fields(WireWriter& writer, const Record& record, std::span<const Field> fields) {
  const auto length =
      std::accumulate(fields.begin(), fields.end(), std::size_t{0},
                      [](std::size_t sum, const Field& item) { return sum + item.length; });
  std::byte* room = writer.claim(length);
  if (room == nullptr) return;
  FieldWriter to(room);
  for (const Field& item : fields) item.encode(to, record);
}

/// FNV-1a over what a collector sees of a layout.
std::uint16_t id_of(const Fields& fields) {
  std::uint32_t hash = 2166136261U;
  const auto mix = [&hash](std::uint32_t value) { hash = (hash ^ value) * 16777619U; };
  for (const Field& item : fields) {
    mix(item.element);
    mix(item.length);
    mix(item.enterprise);
  }
  return static_cast<std::uint16_t>(kElementsFirst + (hash ^ hash >> 15) % kElementsFirst);
}

std::uint16_t next_id(std::uint16_t id) {
  return id == 0xffff ? kElementsFirst : static_cast<std::uint16_t>(id + 1);
}

bool same_elements(const Fields& one, const Fields& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const Field& a, const Field& b) {
                      return a.element == b.element && a.enterprise == b.enterprise;
                    });
}

}  // namespace

void Layout::build(Format format, const EncoderOptions& options) {
  if (!options.elements.empty()) return add_elements(options);
  if (options.layout == LayoutKind::kMinimal) return add_minimal(format, options);
  if (options.layout == LayoutKind::kNatEvents) return add_nat_events(format, options);
  if (options.layout == LayoutKind::kBiflow) style_ = RecordStyle::kBiflow;
  if (style_ == RecordStyle::kMirrored && !options.next_hop) {
    const std::span<const Template> ready = default_templates(format, options);
    templates_.assign(ready.begin(), ready.end());
    return;
  }
  add_kinds(format, options, false);
  if (options.extras) add_kinds(format, options, true);
}

void Layout::add(std::uint16_t id, Fields fields) {
  fields_.push_back(std::move(fields));
  templates_.push_back({id, fields_.back(), encode_fields});
}

/// The default layouts and what is added to them.
void Layout::add_kinds(Format format, const EncoderOptions& options, bool with_extras) {
  EncoderOptions base = options;
  base.extras = with_extras;
  const std::span<const Template> ready = default_templates(format, base);
  const std::uint16_t first = static_cast<std::uint16_t>(
      (style_ == RecordStyle::kBiflow ? kBiflowFirst : kDefaultTemplates) +
      step(options, with_extras));
  for (std::size_t i = 0; i < kRecordKinds; ++i) {
    const Template& basic = ready[with_extras ? kRecordKinds + i : i];
    Fields fields(basic.fields.begin(), basic.fields.end());
    if (options.next_hop) append(fields, next_hop(static_cast<RecordKind>(i)));
    if (style_ == RecordStyle::kBiflow) {
      append(fields, {kReverseOctetDeltaCount, kReversePacketDeltaCount, kBiflowDirection});
    }
    add(static_cast<std::uint16_t>(first + i), std::move(fields));
  }
}

void Layout::add_minimal(Format format, const EncoderOptions& options) {
  by_ = By::kFamily;
  const auto first = static_cast<std::uint16_t>(kMinimalFirst + step(options, false));
  for (const bool ipv4 : {true, false}) {
    Fields fields = ipv4 ? Fields{kSourceIpv4Address, kDestinationIpv4Address}
                         : Fields{kSourceIpv6Address, kDestinationIpv6Address};
    append(fields, {kOctetDeltaCount, kPacketDeltaCount});
    if (format == Format::kIpfix) {
      append(fields, {kFlowStartMilliseconds, kFlowEndMilliseconds});
    } else {
      append(fields, {kFlowStartSysUpTime, kFlowEndSysUpTime});
    }
    append(fields,
           {kSourceTransportPort, kDestinationTransportPort, kProtocolIdentifier, kFlowEndReason});
    if (options.zones) append(fields, {kIngressVrfId, kEgressVrfId});
    if (options.next_hop) append(fields, next_hop(ipv4 ? RecordKind::kIpv4 : RecordKind::kIpv6));
    add(static_cast<std::uint16_t>(first + (ipv4 ? 0 : 1)), std::move(fields));
  }
}

void Layout::add_nat_events(Format format, const EncoderOptions& options) {
  style_ = RecordStyle::kNatEvent;
  by_ = By::kTranslation;
  EncoderOptions relevant;
  relevant.zones = options.zones;
  const auto first = static_cast<std::uint16_t>(kNatEventsFirst + step(relevant, false));
  for (std::size_t i = 0; i < kTranslations; ++i) {
    const auto translation = static_cast<Translation>(i);
    Fields fields{nat::kObservationTimeMilliseconds};
    append(fields, format == Format::kIpfix ? Fields{nat::kStartMilliseconds, nat::kEndMilliseconds}
                                            : Fields{kFlowStartSysUpTime, kFlowEndSysUpTime});
    append(fields, translation == Translation::kNat44
                       ? Fields{kSourceIpv4Address, kDestinationIpv4Address}
                       : Fields{kSourceIpv6Address, kDestinationIpv6Address});
    append(fields, translation == Translation::kNat66
                       ? Fields{kPostNatSourceIpv6Address, kPostNatDestinationIpv6Address}
                       : Fields{kPostNatSourceIpv4Address, kPostNatDestinationIpv4Address});
    append(fields, {nat::kSourcePort, nat::kDestinationPort, nat::kPostSourcePort,
                    nat::kPostDestinationPort, kProtocolIdentifier, nat::kEvent});
    if (options.zones) append(fields, {kIngressVrfId, kEgressVrfId});
    add(static_cast<std::uint16_t>(first + i), std::move(fields));
  }
}

/// As many templates as there are different layouts: kinds that have the same elements share one.
void Layout::add_elements(const EncoderOptions& options) {
  by_ = By::kElements;
  for (std::size_t i = 0; i < kRecordKinds; ++i) {
    Fields fields = fields_of(options.elements, static_cast<RecordKind>(i));
    const auto known = std::find_if(fields_.begin(), fields_.end(), [&](const Fields& other) {
      return same_elements(other, fields);
    });
    template_of_[i] = static_cast<std::uint8_t>(known - fields_.begin());
    if (known != fields_.end()) continue;
    std::uint16_t id = id_of(fields);
    const auto taken = [&id](const Template& other) { return other.id == id; };
    while (std::any_of(templates_.begin(), templates_.end(), taken)) id = next_id(id);
    add(id, std::move(fields));
  }
}

const Template& Layout::choose(const Record& record) const {
  switch (by_) {
    case By::kFamily:
      return templates_[record.flow.original.family == AddressFamily::kIpv4 ? 0 : 1];
    case By::kTranslation:
      return templates_[static_cast<std::size_t>(translation(record.flow))];
    case By::kElements:
      return templates_[template_of_[static_cast<std::size_t>(record_kind(record))]];
    case By::kKind:
      break;
  }
  const auto kind = static_cast<std::size_t>(record_kind(record));
  const bool extras = record.flow.extras.present && templates_.size() > kRecordKinds;
  return templates_[extras ? kRecordKinds + kind : kind];
}

std::size_t Layout::shortest_record() const {
  std::size_t shortest = SIZE_MAX;
  for (const Template& layout : templates_) {
    std::size_t length = 0;
    for (const Field& item : layout.fields) length += item.length;
    shortest = std::min(shortest, length);
  }
  return std::max<std::size_t>(shortest, 1);
}

}  // namespace ctflow
