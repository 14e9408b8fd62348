// SPDX-License-Identifier: GPL-2.0-or-later
#include "log/line_fields.hpp"

#include <algorithm>

namespace ctflow::log {
namespace {

bool is_of_a_name(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

/// A name from the front of `rest`; empty: there is none.
std::string_view take_name(std::string_view& rest) {
  const auto end = std::find_if_not(rest.begin(), rest.end(), is_of_a_name);
  const std::string_view name = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(name.size());
  return name;
}

bool take(std::string_view& rest, char expected) {
  if (rest.empty() || rest.front() != expected) return false;
  rest.remove_prefix(1);
  return true;
}

/// Up to the closing quote, which is taken too; false: there is none.
bool take_quoted(std::string_view& rest, std::string& value) {
  while (!rest.empty()) {
    char c = rest.front();
    rest.remove_prefix(1);
    if (c == '"') return true;
    if (c == '\\' && !rest.empty() &&
        (rest.front() == '"' || rest.front() == '\\' || rest.front() == 'n')) {
      c = rest.front() == 'n' ? '\n' : rest.front();
      rest.remove_prefix(1);
    }
    value += c;
  }
  return false;
}

bool take_value(std::string_view& rest, std::string& value) {
  if (take(rest, '"')) return take_quoted(rest, value);
  const std::string_view bare = rest.substr(0, rest.find(' '));
  value = bare;
  rest.remove_prefix(bare.size());
  return true;
}

}  // namespace

std::optional<LineFields> fields_of(std::string_view line) {
  LineFields found;
  found.event = take_name(line);
  if (found.event.empty()) return std::nullopt;
  while (!line.empty()) {
    if (!take(line, ' ')) return std::nullopt;
    LineField field;
    field.key = take_name(line);
    if (field.key.empty() || !take(line, '=') || !take_value(line, field.value)) {
      return std::nullopt;
    }
    found.fields.push_back(std::move(field));
  }
  return found;
}

}  // namespace ctflow::log
