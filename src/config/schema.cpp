// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/schema.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "config/shown.hpp"
#include "config/suggestion.hpp"

namespace ctflow::config {

std::string got(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "got nothing";
    case YamlNode::Kind::kScalar:
      return "got " + shown(node.text);
    case YamlNode::Kind::kSequence:
      return node.children.empty() ? "got an empty list" : "got a list";
    case YamlNode::Kind::kMapping:
      return "got a mapping";
  }
  return "got something else";
}

void fail_unknown(const Place& place, const YamlNode& value,
                  const std::vector<std::string>& known) {
  const Place unknown = place.member(value.key);
  std::optional<std::string> nearest = usual_word(value.key, known);
  if (!nearest) nearest = nearest_word(value.key, known);
  if (nearest) {
    unknown.fail(value.key_offset, fmt::format("unknown setting, did you mean \"{}\"?", *nearest));
  }
  constexpr std::size_t kFew = 5;
  const std::vector<std::string> few = nearest_words(value.key, known, kFew);
  const bool all = few.size() == known.size();
  unknown.fail(
      value.key_offset,
      fmt::format(
          "unknown setting, expected one of {}{}", fmt::join(few, ", "),
          all ? "" : fmt::format(" or {} others (ctflowd.yaml(5))", known.size() - few.size())));
}

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

void require(const Place& place, const YamlNode& node, YamlNode::Kind kind,
             const std::string& expected) {
  const bool empty_list = node.kind == YamlNode::Kind::kSequence && node.children.empty();
  if (node.kind == kind && !empty_list) return;
  std::string hint;
  if (kind == YamlNode::Kind::kSequence && node.kind == YamlNode::Kind::kMapping &&
      !node.children.empty()) {
    hint = fmt::format(": put \"- \" before {}", shown_key(node.children.front().key));
  }
  place.fail(node.offset, fmt::format("expected {}, {}{}", expected, got(node), hint));
}

}  // namespace ctflow::config
