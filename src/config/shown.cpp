// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/shown.hpp"

#include <algorithm>

#include "text/escape.hpp"

namespace ctflow::config {
namespace {

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

}  // namespace

std::string shown(std::string_view value) { return text::quoted(value, kShownCharacters); }

std::string shown_key(std::string_view key) {
  const bool plain = !key.empty() && key.size() <= kShownCharacters &&
                     std::all_of(key.begin(), key.end(), is_key_character);
  return plain ? std::string(key) : shown(key);
}

}  // namespace ctflow::config
