// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/escape.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "text/utf8.hpp"

namespace ctflow::text {
namespace {

/// Characters that move or reorder what stands around them, apart from the controls.
bool is_invisible(char32_t value) {
  return (value >= 0x200b && value <= 0x200f) || (value >= 0x2028 && value <= 0x202e) ||
         (value >= 0x2060 && value <= 0x206f) || value == 0x061c || value == 0xfeff;
}

void append_escaped(std::string& out, char32_t value) {
  switch (value) {
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      const auto number = static_cast<std::uint32_t>(value);
      out += value < 0x80 ? fmt::format("\\x{:02x}", number) : fmt::format("\\u{:04x}", number);
  }
}

/// Appends the first character of `text` and returns how many octets it took.
std::size_t append_character(std::string& out, std::string_view text) {
  const CodePoint point = first_code_point(text);
  if (point.length == 0) {
    out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    return 1;
  }
  if (is_control(point.value) || is_invisible(point.value)) {
    append_escaped(out, point.value);
  } else {
    out += text.substr(0, point.length);
  }
  return point.length;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) text.remove_prefix(append_character(out, text));
  return out;
}

std::string quoted(std::string_view text, std::size_t longest) {
  std::string out = "\"";
  for (std::size_t count = 0; !text.empty(); ++count) {
    if (count == longest) return out + "…\"";
    if (text[0] == '"' || text[0] == '\\') out += '\\';
    text.remove_prefix(append_character(out, text));
  }
  return out + '"';
}

}  // namespace ctflow::text
