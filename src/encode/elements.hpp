// SPDX-License-Identifier: GPL-2.0-or-later
// The Information Elements that ctflowd exports, and look-up by name.
// The rows are in encode/element_table.hpp; docs/elements.md is generated from them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "encode/encoder_options.hpp"
#include "encode/field.hpp"
#include "encode/record.hpp"
#include "encode/value.hpp"

namespace ctflow {

/// Which records have an element. "Post-NAT": by the family that the packets have after
/// translation, which without one is that of the record.
enum class Carrier : std::uint8_t {
  kAll,
  kIpv4,
  kIpv6,
  kPostNatIpv4,
  kPostNatIpv6,
  kIcmpv4,
  kIcmpv6,
  kBiflow,    ///< biflow records only
  kNatEvent,  ///< records of NAT events only
  kOptions,   ///< options records only
};

/// The formats in which a user may ask for it.
enum class Protocols : std::uint8_t { kBoth, kIpfix, kNetflow9 };

/// One row of the element table.
struct Element {
  std::uint16_t id;       ///< IANA "IP Flow Information Export (IPFIX) Entities", or `own`
  std::string_view name;  ///< IANA's, or `own`
  DataType type;
  std::uint16_t length;  ///< octets in a record
  Carrier carrier;
  Protocols protocols;
  std::string_view meaning;  ///< one line, for people
  Accessor<Record> record;
  Accessor<Record> nat_event;  ///< in the record of a NAT event, where it is another value
  Accessor<OptionsRecord> options;
  /// IANA has no such element: id and name are ctflowd's, below an enterprise number that the user
  /// gives (RFC 7011 section 3.2).
  bool own = false;
};

/// All rows of IANA's elements, in the order of their ids.
std::span<const Element> elements();

/// All rows of ctflowd's own elements, likewise. Only IPFIX has them.
std::span<const Element> own_elements();

/// Of those that `elements:` may name. nullptr: no Flow Record has an element of this name.
const Element* find_element(std::string_view name);

/// The names that `elements:` may have, in the order of their ids, ctflowd's own last.
std::vector<std::string> element_names();

/// What records of one kind have, of a list of names; unknown names are skipped. Strings have
/// variable length in IPFIX, and that of their row, padded with zeros, in NetFlow v9, which knows
/// no other. `enterprise`: that of ctflowd's own elements.
std::vector<Field> fields_of(const std::vector<std::string>& names, RecordKind kind,
                             Protocol protocol, std::uint32_t enterprise = 0);

/// A kind of record of which a list names nothing, for messages: a template without a field would
/// withdraw it (RFC 7011 section 8.1).
std::optional<std::string_view> kind_without_elements(const std::vector<std::string>& names);

/// A kind of record, for messages, and how long its records are.
struct KindLength {
  std::string_view kind;
  std::size_t octets = 0;
};

/// The first kind of record that a list of names makes shorter than `least` octets.
std::optional<KindLength> kind_shorter_than(const std::vector<std::string>& names,
                                            std::size_t least);

/// Octets of the longest record that a list of names makes.
std::size_t longest_record(const std::vector<std::string>& names, Protocol protocol);

/// Whether messages of this protocol can carry it.
bool fits(const Element& element, Protocol protocol);

}  // namespace ctflow
