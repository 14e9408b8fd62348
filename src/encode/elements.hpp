// SPDX-License-Identifier: GPL-2.0-or-later
// The Information Elements that a user can ask for by name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "encode/encoder_options.hpp"
#include "encode/fields.hpp"
#include "encode/templates.hpp"

namespace ctflow {

struct Element {
  /// Records that have it. "Behind": by the family that the packets have behind a translation,
  /// which without one is that of the record.
  enum class Of : std::uint8_t {
    kAll,
    kIpv4,
    kIpv6,
    kBehindIpv4,
    kBehindIpv6,
    kIcmpv4,
    kIcmpv6,
  };
  enum class In : std::uint8_t { kBoth, kIpfix, kNetflow9 };

  std::string_view name;  ///< IANA's
  Field field;
  Of records = Of::kAll;
  In format = In::kBoth;
};

/// nullptr: nothing here can fill an element of this name.
const Element* find_element(std::string_view name);

/// The names of all elements, in the order of their ids.
std::vector<std::string> element_names();

/// What records of one kind have, of a list of names; unknown names are skipped.
std::vector<Field> fields_of(const std::vector<std::string>& names, RecordKind kind);

/// A kind of record of which a list names nothing, for messages: a template without a field would
/// withdraw it (RFC 7011 section 8.1).
std::optional<std::string_view> kind_without_elements(const std::vector<std::string>& names);

/// Whether messages of this format can carry it.
bool fits(const Element& element, Format format);

}  // namespace ctflow
