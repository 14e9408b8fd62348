// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/columns.hpp"

#include <algorithm>

namespace ctflow::text {
namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

/// Octets of the first `columns` characters.
std::size_t octets_of(std::string_view text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins_character(text[i]) && seen++ == columns) return i;
  }
  return text.size();
}

/// Where to break a line that is too long: octets that stay on it.
std::size_t break_of(std::string_view line, std::size_t spaces, std::size_t columns) {
  const std::size_t most = octets_of(line, columns);
  // The space itself may stand in the column behind the last.
  const std::size_t space = line.substr(0, most + 1).rfind(' ');
  return space == std::string_view::npos || space <= spaces ? most : space;
}

std::string wrapped_line(std::string_view line, std::size_t indent, std::size_t columns) {
  std::size_t spaces = std::min(line.find_first_not_of(' '), line.size());
  const std::string next(std::min(spaces + indent, columns / 2), ' ');
  std::string out;
  std::string rest(line);
  while (width(rest) > columns) {
    const std::size_t end = break_of(rest, spaces, columns);
    out.append(rest, 0, end).push_back('\n');
    const std::size_t word = std::min(rest.find_first_not_of(' ', end), rest.size());
    if (word == rest.size()) return out;
    rest.replace(0, word, next);
    spaces = next.size();
  }
  return out + rest + '\n';
}

}  // namespace

std::string cut(std::string_view text, std::size_t columns) {
  if (width(text) <= columns) return std::string(text);
  return std::string(text.substr(0, octets_of(text, columns - 1))) + "…";
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += wrapped_line(text.substr(0, end), indent, columns);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string grouped(std::uint64_t number) {
  constexpr std::size_t kGroup = 3;
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > kGroup; i -= kGroup) text.insert(i - kGroup, 1, ',');
  return text;
}

}  // namespace ctflow::text
