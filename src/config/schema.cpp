// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/schema.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

#include "config/json_schema.hpp"

namespace ctflow::config {
namespace {

[[noreturn]] void fail_scalar(const Place& place, const YamlNode& node, const ScalarText& text,
                              const std::string& hint) {
  place.fail(node.offset, fmt::format("expected {}, {}{}{}", text.expected, got(node),
                                      hint.empty() ? "" : ": ", hint));
}

/// `take` gets the text of a scalar.
template <typename Take>
void read_scalar(const Place& place, const YamlNode& node, const ScalarText& text, Take take) {
  if (node.kind != YamlNode::Kind::kScalar) {
    fail_scalar(place, node, text,
                node.kind == YamlNode::Kind::kSequence ? text.collection_hint : "");
  }
  const Taken taken = take(node.text);
  if (!taken.valid) fail_scalar(place, node, text, taken.hint);
}

std::vector<std::string> behind(const std::string& prefix, std::vector<std::string> all) {
  for (std::string& path : all) path.insert(0, prefix);
  return all;
}

}  // namespace

std::string written(const std::string& text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '/';
  };
  const bool is_null = text == "null" || text == "Null" || text == "NULL";
  if (!text.empty() && text.front() != '-' && !is_null &&
      std::all_of(text.begin(), text.end(), is_plain)) {
    return text;
  }
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += fmt::format("\\{}", c);
    } else if (static_cast<unsigned char>(c) < ' ') {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

void ScalarKind::read(const Place& place, const YamlNode& node, void* member) const {
  read_scalar(place, node, text_, [&](std::string_view text) { return take(text, member); });
}

std::string ScalarKind::show(const std::string& key, const void* member,
                             const std::string& indent) const {
  const std::string text = written(member);
  return text.empty() ? text : fmt::format("{}{}: {}\n", indent, key, text);
}

std::string ScalarKind::schema() const { return described_schema(text_.schema, text_.expected); }

void WordsKind::read(const Place& place, const YamlNode& node, void* member) const {
  require(place, node, YamlNode::Kind::kSequence, expected_);
  clear(member);
  std::unordered_map<std::string, std::size_t> seen;  // lists of networks are long
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const Place item = place.item(i);
    read_scalar(item, node.children[i], text_,
                [&](std::string_view text) { return append(text, member); });
    const auto [first, is_new] = seen.emplace(last(member), i);
    if (is_new) continue;
    item.fail(node.children[i].offset,
              fmt::format("given twice, first at {}", item_path(place.path, first->second)));
  }
}

std::string WordsKind::show(const std::string& key, const void* member,
                            const std::string& indent) const {
  const std::vector<std::string> all = written(member);
  return all.empty() ? "" : fmt::format("{}{}: [{}]\n", indent, key, fmt::join(all, ", "));
}

std::string WordsKind::schema() const {
  return list_schema(described_schema(text_.schema, text_.expected), true);
}

void TextsKind::read(const Place& place, const YamlNode& node, void* member) const {
  require(place, node, YamlNode::Kind::kMapping, expected_);
  for (const YamlNode& child : node.children) {
    if (child.kind != YamlNode::Kind::kScalar) {
      place.member(child.key).fail(child.offset, "expected a text or number, " + got(child));
    }
    // Who takes it would stop there.
    if ((child.key + child.text).find('\0') != std::string::npos) {
      place.member(child.key).fail(child.offset, "expected a text without NUL octets");
    }
    (*static_cast<Texts*>(member))[child.key] = child.text;
  }
}

std::string TextsKind::show(const std::string& key, const void* member,
                            const std::string& indent) const {
  std::string lines;
  for (const auto& [name, text] : *static_cast<const Texts*>(member)) {
    lines += fmt::format("{}  {}: {}\n", indent, written(name),
                         written(secret_(name) ? "(not shown)" : text));
  }
  return lines.empty() ? lines : fmt::format("{}{}:\n{}", indent, key, lines);
}

std::string TextsKind::schema() const { return texts_schema(expected_); }

void SectionKind::read(const Place& place, const YamlNode& node, void* member) const {
  read_untyped(place, node, inner_, member);
}

std::vector<std::string> SectionKind::changed(const std::string& key, const void* left,
                                              const void* right) const {
  return behind(key + ".", changed_paths(inner_, left, right));
}

std::string SectionKind::show(const std::string& key, const void* member,
                              const std::string& indent) const {
  const std::string lines = show_untyped(inner_, member, indent + "  ");
  return lines.empty() ? lines : fmt::format("{}{}:\n{}", indent, key, lines);
}

std::string SectionKind::schema() const { return schema_of(inner_); }

std::vector<std::string> SectionKind::below() const { return behind(".", paths(inner_)); }

void ListKind::read(const Place& place, const YamlNode& node, void* member) const {
  require(place, node, YamlNode::Kind::kSequence, kListOfMappings);
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    read_untyped(place.item(i), node.children[i], inner_, append(member));
  }
  check(place, node, member);
}

std::string ListKind::show(const std::string& key, const void* member,
                           const std::string& indent) const {
  std::string all;
  for (const void* one : items(member)) {
    const std::string lines = show_untyped(inner_, one, indent + "    ");
    if (!lines.empty()) all += indent + "  - " + lines.substr(indent.size() + 4);
  }
  return all.empty() ? all : fmt::format("{}{}:\n{}", indent, key, all);
}

std::string ListKind::schema() const { return list_schema(schema_of(inner_), false); }

std::vector<std::string> ListKind::below() const { return behind("[].", paths(inner_)); }

void fail_same_id(const Place& place, const YamlNode& node, const std::string& id_key,
                  std::size_t first, std::size_t index) {
  const YamlNode& item = node.children[index];
  std::size_t offset = item.offset;
  for (const YamlNode& value : item.children) {
    if (value.key == id_key) offset = value.offset;
  }
  place.item(index).member(id_key).fail(
      offset, fmt::format("expected a {} of its own, got that of {}", id_key,
                          item_path(place.path, first)));
}

}  // namespace ctflow::config
