// SPDX-License-Identifier: GPL-2.0-or-later
// YAML text to a tree with the position of every value. Strict where YAML is lax: one document,
// no duplicate keys, no anchors, aliases or tags, bounded depth. Independent of the settings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "config/source_text.hpp"

namespace ctflow::config {

/// Collections within collections; our settings need three. The library recurses once per level.
inline constexpr std::size_t kMaxDepth = 16;

struct YamlNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  std::size_t offset = 0;          ///< where the value begins in the text
  std::string text;                ///< of a scalar, without quotes
  std::string key;                 ///< when this is a value of a mapping
  std::size_t key_offset = 0;      ///< where that key begins
  std::vector<YamlNode> children;  ///< items of a sequence, values of a mapping; in file order
};

/// Throws ConfigError. The root is a collection or a scalar; an empty file is refused.
YamlNode read_yaml(const SourceText& source);

/// `parent.key` and `parent[index]`, with the key escaped.
std::string member_path(const std::string& parent, const std::string& key);
std::string item_path(const std::string& parent, std::size_t index);

}  // namespace ctflow::config
