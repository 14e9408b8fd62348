// SPDX-License-Identifier: GPL-2.0-or-later
// docs/elements.md, generated from the element table, the template ids and the profiles. To write
// it anew after a change:
//   CTFLOWD_WRITE_DOCS=1 build/tests/unit_tests --gtest_filter='ElementsDocument.*'
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "encode/elements.hpp"
#include "encode/layout.hpp"
#include "encode/options_layouts.hpp"
#include "export/profile.hpp"
#include "support/generated_document.hpp"

namespace ctflow {
namespace {

constexpr LayoutKind kLayouts[] = {LayoutKind::kDefault, LayoutKind::kBiflow,
                                   LayoutKind::kNatEvents, LayoutKind::kMinimal};

std::string name_of(LayoutKind layout) {
  for (const ProfileRow& row : profiles()) {
    if (row.layout == layout) return std::string(row.name);
  }
  return "";
}

std::vector<Protocol> formats_of(LayoutKind layout) {
  for (const ProfileRow& row : profiles()) {
    if (row.layout == layout && !row.in_netflow9) return {Protocol::kIpfix};
  }
  return {Protocol::kIpfix, Protocol::kNetflow9};
}

std::string name_of(Protocol protocol) {
  return protocol == Protocol::kIpfix ? "IPFIX" : "NetFlow v9";
}

/// What has to be set, or be there, for an element to be in a layout.
struct Condition {
  std::string name;
  EncoderOptions options;
};

std::vector<Condition> conditions() {
  return {{"", {}},
          {"`zones`", {.zones = true}},
          {"`next_hop`", {.next_hop = true}},
          {"extras", {.extras = true}},
          {"extras and `packet_properties`", {.extras = true, .packet_properties = true}}};
}

bool has(const Template& one, const Element& element) {
  return std::any_of(one.fields.begin(), one.fields.end(),
                     [&](const Field& field) { return field.element == element.id; });
}

/// Template ids of a layout that have the element, "1280 to 1289" where they follow each other.
std::string ids_with(const Layout& layout, const Element& element) {
  std::vector<std::pair<int, int>> runs;
  for (const Template& one : layout.templates()) {
    if (!has(one, element)) continue;
    if (!runs.empty() && runs.back().second + 1 == one.id) {
      ++runs.back().second;
    } else {
      runs.emplace_back(one.id, one.id);
    }
  }
  std::vector<std::string> texts;
  for (const auto& [first, last] : runs) {
    texts.push_back(first == last       ? fmt::format("{}", first)
                    : first + 1 == last ? fmt::format("{} {}", first, last)
                                        : fmt::format("{} to {}", first, last));
  }
  return fmt::format("{}", fmt::join(texts, " "));
}

/// In which templates of one layout an element is; empty: in none.
std::string carried_by(LayoutKind kind, const Element& element) {
  for (Condition condition : conditions()) {
    condition.options.layout = kind;
    std::map<std::string, std::vector<std::string>> formats;  // by ids
    for (const Protocol protocol : formats_of(kind)) {
      const std::string ids = ids_with(Layout(protocol, condition.options), element);
      if (!ids.empty()) formats[ids].push_back(name_of(protocol));
    }
    std::vector<std::string> texts;
    for (const auto& [ids, names] : formats) {
      const bool in_all = names.size() == formats_of(kind).size();
      texts.push_back(in_all ? ids : fmt::format("{} in {}", ids, fmt::join(names, ", ")));
    }
    if (texts.empty()) continue;
    const std::string with = condition.name.empty() ? "" : " with " + condition.name;
    return fmt::format("{}{}: {}", name_of(kind), with, fmt::join(texts, ", "));
  }
  return "";
}

std::string carried_by_options(const Element& element) {
  std::set<int> ids;
  for (const Protocol protocol : {Protocol::kIpfix, Protocol::kNetflow9}) {
    const OptionsLayouts& all = options_layouts(protocol);
    std::vector<OptionsLayout> layouts{all.sampling, all.interface_names};
    layouts.insert(layouts.end(), all.statistics.begin(), all.statistics.end());
    for (const OptionsLayout& layout : layouts) {
      for (const OptionsField& field : layout.fields) {
        const bool is_system_scope =
            protocol == Protocol::kNetflow9 && &field == layout.fields.data();
        if (field.element == element.id && !is_system_scope) ids.insert(layout.id);
      }
    }
  }
  return ids.empty() ? "" : fmt::format("options: {}", fmt::join(ids, " "));
}

std::string by_name(const Element& element) {
  if (find_element(element.name) == nullptr) return "";
  if (element.protocols == Protocols::kBoth) return "`elements:`";
  return fmt::format(
      "`elements:` ({})",
      name_of(element.protocols == Protocols::kIpfix ? Protocol::kIpfix : Protocol::kNetflow9));
}

/// Octets in a record.
std::string length_of(const Element& element) {
  const std::string fixed = fmt::format("{}", element.length);
  const bool variable = element.type == DataType::kString && element.record.present;
  return variable ? "variable, NetFlow v9: " + fixed : fixed;
}

std::string row_of(const Element& element) {
  std::vector<std::string> carriers;
  for (const LayoutKind kind : kLayouts) carriers.push_back(carried_by(kind, element));
  carriers.push_back(carried_by_options(element));
  carriers.push_back(by_name(element));
  std::erase(carriers, "");
  return fmt::format("| {} | {} | {} | {} | {} | {} |\n", element.id, element.name,
                     name_of(element.type), length_of(element), fmt::join(carriers, "<br>"),
                     element.meaning);
}

std::string own_row_of(const Element& element) {
  const std::string length =
      element.type == DataType::kString ? "variable" : fmt::format("{}", element.length);
  return fmt::format("| {} | {} | {} | {} | {} |\n", element.id, element.name,
                     name_of(element.type), length, element.meaning);
}

std::string specifiers(const Template& one) {
  std::vector<std::string> texts;
  for (const Field& field : one.fields) {
    texts.push_back(field.enterprise == 0
                        ? fmt::format("{}:{}", field.element, field.length)
                        : fmt::format("{}/{}:{}", field.enterprise, field.element, field.length));
  }
  return fmt::format("{}", fmt::join(texts, " "));
}

std::string templates_of(LayoutKind kind) {
  std::string text;
  EncoderOptions options;
  options.layout = kind;
  for (const Protocol protocol : formats_of(kind)) {
    const Layout layout(protocol, options);
    for (const Template& one : layout.templates()) {
      text += fmt::format("| {} | {} | {} | {} |\n", name_of(kind), name_of(protocol), one.id,
                          specifiers(one));
    }
  }
  return text;
}

std::string options_templates() {
  std::string text;
  for (const Protocol protocol : {Protocol::kIpfix, Protocol::kNetflow9}) {
    const OptionsLayouts& all = options_layouts(protocol);
    std::vector<OptionsLayout> layouts{all.sampling, all.interface_names};
    layouts.insert(layouts.end(), all.statistics.begin(), all.statistics.end());
    for (const OptionsLayout& layout : layouts) {
      std::vector<std::string> fields;
      for (const OptionsField& field : layout.fields) {
        fields.push_back(fmt::format("{}:{}", field.element, field.length));
      }
      text += fmt::format("| options | {} | {} | scope {} |\n", name_of(protocol), layout.id,
                          fmt::join(fields, " "));
    }
  }
  return text;
}

std::string document() {
  std::string text =
      "# Information Elements\n"
      "\n"
      "Generated from `src/encode/element_table.hpp`; do not edit. [protocol.md](protocol.md) says "
      "how values come about.\n"
      "\n"
      "Type is the abstract data type of RFC 7012, length the octets in a record (less than those "
      "of the type where\n"
      "the value needs no more, RFC 7011 section 6.2). Carried by: the Template IDs of each "
      "profile. `nfdump` and\n"
      "`akvorado` have the templates of `default`. Where an option is needed the ids with this "
      "option alone are\n"
      "listed; several move the ids together (protocol.md, \"Templates\"). `elements:` means that "
      "the name can be used\n"
      "there.\n"
      "\n"
      "| id | name | type | length | carried by | meaning |\n"
      "|---|---|---|---|---|---|\n";
  for (const Element& element : elements()) text += row_of(element);
  text +=
      "\n"
      "## Elements that IANA does not have\n"
      "\n"
      "In `elements:` with the `enterprise_number:` of the user, in IPFIX only: NetFlow v9 has no "
      "enterprise numbers.\n"
      "The ids are ctflowd's below that number; they stay, and a collector has to be given name "
      "and "
      "type.\n"
      "\n"
      "| id | name | type | length | meaning |\n"
      "|---|---|---|---|---|\n";
  for (const Element& element : own_elements()) text += own_row_of(element);
  text +=
      "\n"
      "## Templates\n"
      "\n"
      "Those without options, as id:length in the order of the record. The scope of NetFlow v9 "
      "options is System (1), a\n"
      "number of its own (RFC 3954 section 6.1). 29305 is the enterprise number of reverse "
      "elements (RFC 5103).\n"
      "\n"
      "| profile | format | id | fields |\n"
      "|---|---|---|---|\n";
  for (const LayoutKind kind : kLayouts) text += templates_of(kind);
  return text + options_templates();
}

TEST(ElementsDocument, IsWhatTheTableSays) {
  test::expect_document("docs/elements.md", document());
}

}  // namespace
}  // namespace ctflow
