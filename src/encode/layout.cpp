// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/layout.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>
#include <string_view>
#include <variant>

#include "encode/element_table.hpp"
#include "encode/elements.hpp"
#include "encode/field_lists.hpp"

namespace ctflow {
namespace {

using namespace field_lists;
using Fields = std::vector<Field>;

constexpr auto kMinimalTail = fields("sourceTransportPort", "destinationTransportPort",
                                     "protocolIdentifier", "flowEndReason");

// The next hop of a translated connection has the family after translation.
constexpr auto kNextHopIpv4 =
    fields("ipNextHopIPv4Address", "sourceIPv4PrefixLength", "destinationIPv4PrefixLength");
constexpr auto kNextHopNat64 =
    fields("ipNextHopIPv4Address", "sourceIPv6PrefixLength", "destinationIPv4PrefixLength");
constexpr auto kNextHopIpv6 =
    fields("ipNextHopIPv6Address", "sourceIPv6PrefixLength", "destinationIPv6PrefixLength");

constexpr auto kEventTime = nat_event_fields("observationTimeMilliseconds");
constexpr auto kEventIpfixTimes = nat_event_fields("flowStartMilliseconds", "flowEndMilliseconds");
constexpr auto kEventIpv4 = nat_event_fields("sourceIPv4Address", "destinationIPv4Address");
constexpr auto kEventIpv6 = nat_event_fields("sourceIPv6Address", "destinationIPv6Address");
constexpr auto kEventPostNatIpv4 =
    nat_event_fields("postNATSourceIPv4Address", "postNATDestinationIPv4Address");
constexpr auto kEventPostNatIpv6 =
    nat_event_fields("postNATSourceIPv6Address", "postNATDestinationIPv6Address");
constexpr auto kEventTail = nat_event_fields(
    "sourceTransportPort", "destinationTransportPort", "postNAPTSourceTransportPort",
    "postNAPTDestinationTransportPort", "protocolIdentifier", "natEvent");

/// RFC 5103 section 6.1: the value of the other direction.
template <std::uint16_t kElement>
constexpr Field reverse() {
  constexpr Field kForward = [] {
    for (const Element& one : element_table::kElements) {
      if (one.id == kElement) return Field{one.id, one.length, one.record.write};
    }
    throw std::invalid_argument("no such element");
  }();
  return {kForward.element, kForward.length,
          [](std::byte* to, const Record& record) {
            kForward.write(to, {record.flow, !record.initiator});
          },
          kReverseEnterprise};
}
// No other reverse element: nfdump would write it over the forward value.
constexpr auto kBiflowTail = std::array{reverse<element("octetDeltaCount").id>(),
                                        reverse<element("packetDeltaCount").id>()} +
                             fields("biflowDirection");

std::span<const Field> next_hop(RecordKind kind) {
  if (is_ipv4(kind)) return kNextHopIpv4;
  return is_nat64(kind) ? std::span<const Field>(kNextHopNat64) : kNextHopIpv6;
}

void append(Fields& fields, std::span<const Field> more) {
  fields.insert(fields.end(), more.begin(), more.end());
}

void write_fields(std::byte* room, const Record& record, const Template& layout) {
  for (const Field& item : layout.fields) {
    item.write(room, record);
    room += item.length;
  }
}

void encode_fields(WireWriter& writer, const Record& record, const Template& layout) {
  std::byte* const room = writer.claim(layout.length);
  if (room != nullptr) write_fields(room, record, layout);
}

void encode_fields_of_both(std::byte* room, const Flow& flow, const Template& layout) {
  write_fields(room, {flow, true}, layout);
  write_fields(room + layout.length, {flow, false}, layout);
}

/// RFC 7011 section 7: the length, below 255, stands before the octets.
void encode_text(WireWriter& writer, const Value& value) {
  const auto* const text = std::get_if<std::string_view>(&value);
  const std::string_view shown = text == nullptr ? "" : text->substr(0, kLongestVariable);
  writer.u8(static_cast<std::uint8_t>(shown.size()));
  writer.octets(std::as_bytes(std::span(shown)));
}

/// The same where some fields have their length in the record.
void encode_variable_fields(WireWriter& writer, const Record& record, const Template& layout) {
  for (const Field& item : layout.fields) {
    if (item.length == kVariableLength) {
      encode_text(writer, item.text(record));
    } else if (std::byte* const room = writer.claim(item.length)) {
      item.write(room, record);
    }
  }
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
  return static_cast<std::uint16_t>(template_ids::kElements +
                                    (hash ^ hash >> 15) % template_ids::kElementsCount);
}

std::uint16_t next_id(std::uint16_t id) {
  return id == 0xffff ? template_ids::kElements : static_cast<std::uint16_t>(id + 1);
}

bool same_elements(const Fields& one, const Fields& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const Field& a, const Field& b) {
                      return a.element == b.element && a.enterprise == b.enterprise;
                    });
}

}  // namespace

void Layout::build(Protocol protocol, const EncoderOptions& options) {
  if (!options.elements.empty()) return add_elements(protocol, options);
  if (options.layout == LayoutKind::kMinimal) return add_minimal(protocol, options);
  if (options.layout == LayoutKind::kNatEvents) return add_nat_events(protocol, options);
  if (options.layout == LayoutKind::kBiflow) style_ = RecordStyle::kBiflow;
  if (style_ == RecordStyle::kMirrored && !options.next_hop) {
    const std::span<const Template> ready = default_templates(protocol, options);
    templates_.assign(ready.begin(), ready.end());
    return;
  }
  add_kinds(protocol, options, false);
  if (options.extras) add_kinds(protocol, options, true);
}

void Layout::add(std::uint16_t id, Fields fields) {
  fields_.push_back(std::move(fields));
  const std::span<const Field> all = fields_.back();
  const bool variable = std::any_of(all.begin(), all.end(),
                                    [](const Field& one) { return one.length == kVariableLength; });
  templates_.push_back({id, static_cast<std::uint16_t>(record_length(all)), all,
                        variable ? encode_variable_fields : encode_fields,
                        variable ? nullptr : encode_fields_of_both, variable});
}

/// The default layouts and what is added to them.
// So that first + i stays within each block.
static_assert(template_ids::kBiflow.count == kRecordKinds &&
              template_ids::kNatEvents.count == kTranslationKinds &&
              template_ids::kMinimal.count == 2);

void Layout::add_kinds(Protocol protocol, const EncoderOptions& options, bool with_extras) {
  EncoderOptions base = options;
  base.extras = with_extras;
  const std::span<const Template> ready = default_templates(protocol, base);
  const std::uint16_t first = template_ids::first_id(
      style_ == RecordStyle::kBiflow ? template_ids::kBiflow : template_ids::kDefault,
      choices_of(options, with_extras));
  for (std::size_t i = 0; i < kRecordKinds; ++i) {
    const Template& basic = ready[with_extras ? kRecordKinds + i : i];
    Fields fields(basic.fields.begin(), basic.fields.end());
    if (options.next_hop) append(fields, next_hop(static_cast<RecordKind>(i)));
    if (style_ == RecordStyle::kBiflow) append(fields, kBiflowTail);
    add(static_cast<std::uint16_t>(first + i), std::move(fields));
  }
}

void Layout::add_minimal(Protocol protocol, const EncoderOptions& options) {
  by_ = By::kFamily;
  const std::uint16_t first =
      template_ids::first_id(template_ids::kMinimal, choices_of(options, false));
  for (const bool ipv4 : {true, false}) {
    Fields fields;
    append(fields, ipv4 ? kIpv4Ends : kIpv6Ends);
    append(fields, kCounts);
    append(fields, protocol == Protocol::kIpfix ? kIpfixTimes : kNetflow9Times);
    append(fields, kMinimalTail);
    if (options.zones) append(fields, kZones);
    if (options.next_hop) append(fields, next_hop(ipv4 ? RecordKind::kIpv4 : RecordKind::kIpv6));
    add(static_cast<std::uint16_t>(first + (ipv4 ? 0 : 1)), std::move(fields));
  }
}

void Layout::add_nat_events(Protocol protocol, const EncoderOptions& options) {
  style_ = RecordStyle::kNatEvent;
  by_ = By::kTranslation;
  const std::uint16_t first =
      template_ids::first_id(template_ids::kNatEvents, choices_of(options, false));
  for (std::size_t i = 0; i < kTranslationKinds; ++i) {
    const auto translation = static_cast<TranslationKind>(i);
    Fields fields;
    append(fields, kEventTime);
    append(fields, protocol == Protocol::kIpfix ? kEventIpfixTimes : kNetflow9Times);
    append(fields, translation == TranslationKind::kNat44 ? kEventIpv4 : kEventIpv6);
    append(fields, translation == TranslationKind::kNat66 ? kEventPostNatIpv6 : kEventPostNatIpv4);
    append(fields, kEventTail);
    if (options.zones) append(fields, kZones);
    add(static_cast<std::uint16_t>(first + i), std::move(fields));
  }
}

/// As many templates as there are different layouts: kinds that have the same elements share one.
void Layout::add_elements(Protocol protocol, const EncoderOptions& options) {
  by_ = By::kElements;
  for (std::size_t i = 0; i < kRecordKinds; ++i) {
    Fields fields = fields_of(options.elements, static_cast<RecordKind>(i), protocol,
                              options.enterprise_number);
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

const Template& Layout::choose_otherwise(const Record& record) const {
  switch (by_) {
    case By::kFamily:
      return templates_[record.flow.original.family == AddressFamily::kIpv4 ? 0 : 1];
    case By::kTranslation:
      return templates_[static_cast<std::size_t>(translation_kind(record.flow))];
    case By::kElements:
      return templates_[template_of_[static_cast<std::size_t>(record_kind(record))]];
    case By::kKind:
      break;
  }
  return choose(record);
}

std::size_t Layout::shortest_record() const {
  std::size_t shortest = SIZE_MAX;
  for (const Template& layout : templates_) {
    shortest = std::min(shortest, std::size_t{layout.length});
  }
  return std::max<std::size_t>(shortest, 1);
}

}  // namespace ctflow
