// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/columns.hpp"

#include <algorithm>
#include <array>

#include "text/number_text.hpp"

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

/// Whether the space there stands within a number, or between it and its unit: 12 345, 1.5 KiB.
bool within_number(std::string_view line, std::size_t space) {
  if (space == 0 || !is_digit(line[space - 1])) return false;
  const std::string_view rest = line.substr(space + 1);
  const std::string_view word = rest.substr(0, rest.find_first_of(" ,.;:)/\n"));
  constexpr std::size_t kGroup = 3;
  if (word.size() == kGroup && std::all_of(word.begin(), word.end(), is_digit)) return true;
  constexpr std::array<std::string_view, 9> kUnits{"B", "KiB", "MiB", "GiB", "%",
                                                   "s", "min", "h",   "days"};
  return std::find(kUnits.begin(), kUnits.end(), word) != kUnits.end();
}

/// Where to break a line that is too long: octets that stay on it.
std::size_t break_of(std::string_view line, std::size_t spaces, std::size_t columns) {
  const std::size_t most = octets_of(line, columns);
  // The space itself may stand in the column behind the last.
  const auto last_before = [&](std::size_t end) {
    const std::size_t space = line.substr(0, end).rfind(' ');
    return space == std::string_view::npos || space <= spaces ? 0 : space;
  };
  const std::size_t last = last_before(most + 1);
  std::size_t space = last;
  while (space > 0 && within_number(line, space)) space = last_before(space);
  if (space > 0) return space;
  return last > 0 ? last : most;
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

}  // namespace ctflow::text
