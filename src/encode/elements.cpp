// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/elements.hpp"

#include <algorithm>

#include "encode/element_table.hpp"

namespace ctflow {
namespace {

bool belongs(Carrier carrier, RecordKind kind) {
  const bool ipv4_after_nat = is_ipv4(kind) || is_nat64(kind);
  switch (carrier) {
    case Carrier::kAll:
      return true;
    case Carrier::kIpv4:
      return is_ipv4(kind);
    case Carrier::kIpv6:
      return !is_ipv4(kind);
    case Carrier::kPostNatIpv4:
      return ipv4_after_nat;
    case Carrier::kPostNatIpv6:
      return !ipv4_after_nat;
    case Carrier::kIcmpv4:
      return kind == RecordKind::kIpv4Icmp || kind == RecordKind::kIpv4IcmpNat;
    case Carrier::kIcmpv6:
      return kind >= RecordKind::kIpv6Icmp;
    case Carrier::kBiflow:
    case Carrier::kNatEvent:
    case Carrier::kOptions:
      break;
  }
  return false;
}

/// Whether some Flow Record can have it.
bool has_name_for_users(const Element& element) { return element.carrier < Carrier::kBiflow; }

}  // namespace

std::span<const Element> elements() { return element_table::kElements; }

std::span<const Element> own_elements() { return element_table::kOwnElements; }

const Element* find_element(std::string_view name) {
  for (const auto all : {elements(), own_elements()}) {
    const auto found = std::find_if(all.begin(), all.end(), [name](const Element& element) {
      return element.name == name && has_name_for_users(element);
    });
    if (found != all.end()) return &*found;
  }
  return nullptr;
}

std::vector<std::string> element_names() {
  std::vector<std::string> names;
  names.reserve(elements().size() + own_elements().size());
  for (const auto all : {elements(), own_elements()}) {
    for (const Element& element : all) {
      if (has_name_for_users(element)) names.emplace_back(element.name);
    }
  }
  return names;
}

std::vector<Field> fields_of(const std::vector<std::string>& names, RecordKind kind,
                             Protocol protocol, std::uint32_t enterprise) {
  std::vector<Field> fields;
  for (const std::string& name : names) {
    const Element* element = find_element(name);
    if (element == nullptr || !belongs(element->carrier, kind)) continue;
    const std::uint32_t owner = element->own ? enterprise : 0;
    if (element->type == DataType::kString && protocol == Protocol::kIpfix) {
      fields.push_back({element->id, kVariableLength, nullptr, owner, element->record.value});
    } else {
      fields.push_back({element->id, element->length, element->record.write, owner});
    }
  }
  return fields;
}

std::optional<std::string_view> kind_without_elements(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < kRecordKinds; ++i) {
    const auto kind = static_cast<RecordKind>(i);
    if (fields_of(names, kind, Protocol::kIpfix).empty()) return name_of(kind);
  }
  return std::nullopt;
}

std::optional<KindLength> kind_shorter_than(const std::vector<std::string>& names,
                                            std::size_t least) {
  for (std::size_t i = 0; i < kRecordKinds; ++i) {
    const auto kind = static_cast<RecordKind>(i);
    const std::vector<Field> fields = fields_of(names, kind, Protocol::kNetflow9);
    const std::size_t octets = record_length(std::span<const Field>(fields));
    if (octets < least) return KindLength{name_of(kind), octets};
  }
  return std::nullopt;
}

std::size_t longest_record(const std::vector<std::string>& names, Protocol protocol) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i < kRecordKinds; ++i) {
    const std::vector<Field> fields = fields_of(names, static_cast<RecordKind>(i), protocol);
    longest = std::max(longest, record_length(std::span<const Field>(fields)));
  }
  return longest;
}

bool fits(const Element& element, Protocol protocol) {
  if (element.protocols == Protocols::kBoth) return true;
  return (element.protocols == Protocols::kIpfix) == (protocol == Protocol::kIpfix);
}

}  // namespace ctflow
