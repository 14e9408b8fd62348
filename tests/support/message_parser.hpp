// SPDX-License-Identifier: GPL-2.0-or-later
// A strict Collecting Process for tests: IPFIX (RFC 7011) and NetFlow v9 (RFC 3954).
//
// Written from the RFCs and sharing nothing with src/encode, so that one cannot repeat the other's
// mistake. What a tolerant collector would skip is an error here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"

namespace ctflow::test {

struct ParseError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// RFC 7011 section 3.2, RFC 3954 section 5.2. A NetFlow v9 scope has numbers of its own.
struct FieldSpecifier {
  std::uint16_t element = 0;
  std::uint16_t length = 0;  ///< octets, 65535 = variable (IPFIX only)
  std::uint32_t enterprise = 0;
  bool scope = false;
  friend bool operator==(const FieldSpecifier&, const FieldSpecifier&) = default;
};

struct ParsedTemplate {
  std::uint16_t id = 0;
  bool options = false;
  std::vector<FieldSpecifier> fields;
  friend bool operator==(const ParsedTemplate&, const ParsedTemplate&) = default;
};

struct ParsedField {
  FieldSpecifier specifier;
  std::vector<std::uint8_t> octets;  ///< as on the wire
};

struct ParsedRecord {
  std::uint16_t template_id = 0;
  bool options = false;
  std::vector<ParsedField> fields;

  [[nodiscard]] const ParsedField* find(std::uint16_t element) const {
    for (const ParsedField& field : fields) {
      if (field.specifier.element == element && !field.specifier.scope) {
        return &field;
      }
    }
    return nullptr;
  }
  [[nodiscard]] bool has(std::uint16_t element) const { return find(element) != nullptr; }
  /// The unsigned number in a field (RFC 7011 section 6.1.1); throws when there is none.
  [[nodiscard]] std::uint64_t number(std::uint16_t element) const {
    const ParsedField* field = find(element);
    if (field == nullptr || field->octets.size() > 8) {
      throw ParseError(fmt::format("record of template {} has no number {}", template_id, element));
    }
    std::uint64_t value = 0;
    for (const std::uint8_t octet : field->octets) {
      value = value << 8 | octet;
    }
    return value;
  }
};

/// A Set, or FlowSet as NetFlow v9 calls it.
struct ParsedSet {
  std::uint16_t id = 0;
  std::size_t length = 0;   ///< header and padding included
  std::size_t padding = 0;  ///< octets, all zero
  std::vector<ParsedTemplate> templates;
  std::vector<ParsedRecord> records;
};

struct ParsedMessage {
  std::uint16_t version = 0;
  std::size_t length = 0;
  std::uint16_t count = 0;        ///< NetFlow v9 only
  std::uint32_t sys_up_time = 0;  ///< milliseconds, NetFlow v9 only
  std::uint32_t export_time = 0;  ///< seconds since 1970
  std::uint32_t sequence = 0;
  std::uint32_t domain = 0;  ///< Observation Domain ID or Source ID
  std::vector<ParsedSet> sets;

  [[nodiscard]] std::vector<ParsedTemplate> templates() const {
    std::vector<ParsedTemplate> all;
    for (const ParsedSet& set : sets) {
      all.insert(all.end(), set.templates.begin(), set.templates.end());
    }
    return all;
  }
  /// Data Records, those of options included.
  [[nodiscard]] std::vector<ParsedRecord> records() const {
    std::vector<ParsedRecord> all;
    for (const ParsedSet& set : sets) {
      all.insert(all.end(), set.records.begin(), set.records.end());
    }
    return all;
  }
  /// NetFlow v9: the moment, in ms since 1970, to which 21 and 22 are relative.
  [[nodiscard]] std::int64_t base_ms() const {
    return static_cast<std::int64_t>(export_time) * 1000 - sys_up_time;
  }
};

/// Big-endian reading; every read checks what is left.
class OctetReader {
 public:
  explicit OctetReader(std::span<const std::byte> octets) : octets_(octets) {}

  [[nodiscard]] std::size_t left() const { return octets_.size(); }
  std::span<const std::byte> take(std::size_t size, const char* what) {
    if (size > octets_.size()) {
      throw ParseError(fmt::format("{}: needs {} octets, {} left", what, size, octets_.size()));
    }
    const auto taken = octets_.first(size);
    octets_ = octets_.subspan(size);
    return taken;
  }
  std::uint32_t number(std::size_t size, const char* what) {
    std::uint32_t value = 0;
    for (const std::byte octet : take(size, what)) {
      value = value << 8 | std::to_integer<std::uint32_t>(octet);
    }
    return value;
  }
  std::uint16_t u16(const char* what) { return static_cast<std::uint16_t>(number(2, what)); }
  std::uint32_t u32(const char* what) { return number(4, what); }
  /// The rest of a Set: must be zero.
  std::size_t padding(const char* what) {
    const auto rest = take(left(), what);
    for (const std::byte octet : rest) {
      if (octet != std::byte{0}) {
        throw ParseError(fmt::format("{}: padding is not zero", what));
      }
    }
    return rest.size();
  }

 private:
  std::span<const std::byte> octets_;
};

/// One Transport Session: remembers the Templates of each Observation Domain.
class MessageParser {
 public:
  /// Throws ParseError when the message breaks its RFC.
  ParsedMessage parse(std::span<const std::byte> octets) {
    OctetReader in(octets);
    ParsedMessage message;
    message.length = octets.size();
    message.version = in.u16("version");
    if (message.version == 10) {
      read_ipfix_header(in, message);
    } else if (message.version == 9) {
      read_netflow9_header(in, message);
    } else {
      throw ParseError(fmt::format("version {}, expected 10 or 9", message.version));
    }
    while (in.left() > 0) {
      message.sets.push_back(read_set(in, message));
    }
    check_count(message);
    return message;
  }

  [[nodiscard]] std::size_t known_templates() const { return templates_.size(); }

 private:
  static void read_ipfix_header(OctetReader& in, ParsedMessage& message) {  // RFC 7011 section 3.1
    if (const std::size_t length = in.u16("length"); length != message.length) {
      throw ParseError(fmt::format("header says {} octets, got {}", length, message.length));
    }
    message.export_time = in.u32("export time");
    message.sequence = in.u32("sequence number");
    message.domain = in.u32("observation domain");
  }

  static void read_netflow9_header(OctetReader& in, ParsedMessage& message) {  // RFC 3954 5.1
    message.count = in.u16("count");
    message.sys_up_time = in.u32("sysUpTime");
    message.export_time = in.u32("UNIX secs");
    message.sequence = in.u32("sequence number");
    message.domain = in.u32("source id");
  }

  /// RFC 3954 section 5.1: Count is the number of records of all kinds. IPFIX has none.
  static void check_count(const ParsedMessage& message) {
    const std::size_t found = message.templates().size() + message.records().size();
    if (message.version == 9 && message.count != found) {
      throw ParseError(fmt::format("header counts {} records, found {}", message.count, found));
    }
  }

  ParsedSet read_set(OctetReader& in, const ParsedMessage& message) {
    const bool v9 = message.version == 9;
    ParsedSet set;
    set.id = in.u16("set id");
    set.length = in.u16("set length");
    if (set.length < 4) {
      throw ParseError(
          fmt::format("set {}: length {}, its header alone has 4", set.id, set.length));
    }
    if (v9 && set.length % 4 != 0) {  // RFC 3954 section 5.3, "32-bit aligned"
      throw ParseError(
          fmt::format("FlowSet {}: length {} is no multiple of 4", set.id, set.length));
    }
    OctetReader body(in.take(set.length - 4, "set"));
    if (set.id == (v9 ? 0 : 2)) {
      read_templates(body, set, message);
    } else if (set.id == (v9 ? 1 : 3)) {
      read_options_templates(body, set, message);
    } else if (set.id >= 256) {
      read_data(body, set, message);
    } else {  // RFC 7011 section 3.3.2
      throw ParseError(fmt::format("set id {} is reserved", set.id));
    }
    if (set.templates.empty() && set.records.empty()) {  // RFC 7011 section 3.3
      throw ParseError(fmt::format("set {} holds no record", set.id));
    }
    if (v9 && set.padding > 3) {
      throw ParseError(fmt::format("FlowSet {}: {} octets of padding", set.id, set.padding));
    }
    return set;
  }

  /// A Template Record has at least 8 octets; fewer than 4 left cannot begin another (RFC 7011
  /// section 3.3.1: padding is shorter than any record of the Set).
  void read_templates(OctetReader& in, ParsedSet& set, const ParsedMessage& message) {
    while (in.left() >= 4) {
      ParsedTemplate record;
      record.id = in.u16("template id");
      const std::size_t count = in.u16("field count");
      read_fields(in, record, count, message.version);
      remember(record, message);
      set.templates.push_back(std::move(record));
    }
    set.padding = in.padding("template set");
  }

  void read_options_templates(OctetReader& in, ParsedSet& set, const ParsedMessage& message) {
    const bool v9 = message.version == 9;
    while (in.left() >= (v9 ? 6U : 4U)) {
      ParsedTemplate record;
      record.options = true;
      record.id = in.u16("options template id");
      std::size_t scopes = 0;
      std::size_t count = 0;
      if (v9) {  // RFC 3954 section 6.1: both in octets
        const std::size_t scope_octets = in.u16("option scope length");
        const std::size_t option_octets = in.u16("option length");
        if (scope_octets % 4 != 0 || option_octets % 4 != 0) {
          throw ParseError(
              fmt::format("options template {}: lengths {} and {}, expected multiples of 4",
                          record.id, scope_octets, option_octets));
        }
        scopes = scope_octets / 4;
        count = (scope_octets + option_octets) / 4;
      } else {  // RFC 7011 section 3.4.2.2
        count = in.u16("field count");
        scopes = in.u16("scope field count");
      }
      if (scopes == 0 || scopes > count) {
        throw ParseError(
            fmt::format("options template {}: {} scope fields of {}", record.id, scopes, count));
      }
      read_fields(in, record, count, message.version);
      for (std::size_t i = 0; i < scopes; ++i) {
        record.fields[i].scope = true;
      }
      remember(record, message);
      set.templates.push_back(std::move(record));
    }
    set.padding = in.padding("options template set");
  }

  static void read_fields(OctetReader& in, ParsedTemplate& record, std::size_t count,
                          std::uint16_t version) {
    if (record.id < 256) {
      throw ParseError(fmt::format("template id {}, the lowest is 256", record.id));
    }
    if (count == 0) {  // RFC 7011 section 8.4: no Template Withdrawal over UDP
      throw ParseError(fmt::format("template {} has no field", record.id));
    }
    for (std::size_t i = 0; i < count; ++i) {
      FieldSpecifier field;
      field.element = in.u16("element id");
      field.length = in.u16("field length");
      if (version == 10 && (field.element & 0x8000U) != 0) {
        field.element = static_cast<std::uint16_t>(field.element & 0x7FFFU);
        field.enterprise = in.u32("enterprise number");
      }
      if (field.element == 0 || field.length == 0) {
        throw ParseError(fmt::format("template {}: element {} of {} octets", record.id,
                                     field.element, field.length));
      }
      record.fields.push_back(field);
    }
  }

  /// RFC 7011 section 8.1: over UDP an ID keeps its Template as long as collectors may remember it.
  void remember(const ParsedTemplate& record, const ParsedMessage& message) {
    const auto [known, added] = templates_.try_emplace({message.domain, record.id}, record);
    if (!added && known->second != record) {
      throw ParseError(fmt::format("template {} changed its layout", record.id));
    }
  }

  void read_data(OctetReader& in, ParsedSet& set, const ParsedMessage& message) {
    const auto known = templates_.find({message.domain, set.id});
    if (known == templates_.end()) {
      throw ParseError(fmt::format("data set {}: its template is unknown", set.id));
    }
    const ParsedTemplate& layout = known->second;
    std::size_t shortest = 0;
    for (const FieldSpecifier& field : layout.fields) {
      shortest += is_variable(field, message.version) ? std::size_t{1} : field.length;
    }
    while (in.left() >= shortest) {
      ParsedRecord record{.template_id = set.id, .options = layout.options, .fields = {}};
      for (const FieldSpecifier& field : layout.fields) {
        std::size_t length = field.length;
        if (is_variable(field, message.version)) {  // RFC 7011 section 7
          length = in.number(1, "length");
          length = length == 255 ? in.u16("long length") : length;
        }
        ParsedField value{.specifier = field, .octets = {}};
        for (const std::byte octet : in.take(length, "field")) {
          value.octets.push_back(std::to_integer<std::uint8_t>(octet));
        }
        record.fields.push_back(std::move(value));
      }
      set.records.push_back(std::move(record));
    }
    set.padding = in.padding("data set");
  }

  static bool is_variable(const FieldSpecifier& field, std::uint16_t version) {
    return version == 10 && field.length == 65535;
  }

  std::map<std::pair<std::uint32_t, std::uint16_t>, ParsedTemplate> templates_;
};

}  // namespace ctflow::test
