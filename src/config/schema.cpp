// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/schema.hpp"

#include <fmt/ranges.h>

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
  if (const std::optional<std::string> nearest = nearest_word(value.key, known)) {
    unknown.fail(value.key_offset, fmt::format("unknown setting, did you mean \"{}\"?", *nearest));
  }
  unknown.fail(value.key_offset,
               fmt::format("unknown setting, expected one of {}", fmt::join(known, ", ")));
}

void require(const Place& place, const YamlNode& node, YamlNode::Kind kind,
             const std::string& expected) {
  const bool empty_list = node.kind == YamlNode::Kind::kSequence && node.children.empty();
  if (node.kind == kind && !empty_list) return;
  place.fail(node.offset, fmt::format("expected {}, {}", expected, got(node)));
}

}  // namespace ctflow::config
