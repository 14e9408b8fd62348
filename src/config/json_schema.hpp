// SPDX-License-Identifier: GPL-2.0-or-later
// JSON Schemas (draft 2020-12) of settings, for editors. They refuse nothing that is valid; what
// only reading finds (settings that contradict each other, files, addresses) they cannot know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ctflow::config {

/// Of a whole number; a YAML reader makes a text of it where it stands in quotes.
std::string integer_schema(std::uint64_t min, std::uint64_t max);

/// Of a text that matches `pattern` (ECMA-262) from its beginning to its end.
std::string text_schema(const std::string& pattern);

/// Of one of these texts.
std::string words_schema(const std::vector<std::string>& words);

std::string any_of_schema(const std::string& one, const std::string& other);

/// `schema` with what is expected; of any scalar if it is empty.
std::string described_schema(const std::string& schema, const std::string& expected);

/// Of a list of at least one item.
std::string list_schema(const std::string& item, bool unique);

/// Of a mapping of any keys to scalars.
std::string texts_schema(const std::string& expected);

struct PropertySchema {
  std::string key;
  bool required;
  std::string schema;
};

/// Of a mapping of these settings and no others.
std::string mapping_schema(const std::vector<PropertySchema>& properties);

}  // namespace ctflow::config
