// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/escape.hpp"

#include "text/columns.hpp"
#include "text/escape.hpp"
#include "text/utf8.hpp"

namespace ctflow::page {
namespace {

/// HTML Standard, 13.2.3.5: an input stream that has them is in error.
bool is_noncharacter(char32_t value) {
  return (value >= 0xfdd0 && value <= 0xfdef) || (value & 0xfffeU) == 0xfffeU;
}

}  // namespace

std::string html(std::string_view text, std::size_t longest) {
  const std::string shown = text::cut(text::printable(text), longest);
  std::string out;
  out.reserve(shown.size());
  for (std::string_view rest = shown; !rest.empty();) {
    const text::CodePoint one = text::first_code_point(rest);
    const std::size_t length = one.length > 0 ? one.length : 1;
    if (one.length == 0 || is_noncharacter(one.value)) {
      out += "\xef\xbf\xbd";
    } else if (one.value == '&') {
      out += "&amp;";
    } else if (one.value == '<') {
      out += "&lt;";
    } else if (one.value == '>') {
      out += "&gt;";
    } else if (one.value == '"') {
      out += "&quot;";
    } else if (one.value == '\'') {
      out += "&#39;";
    } else {
      out += rest.substr(0, length);
    }
    rest.remove_prefix(length);
  }
  return out;
}

}  // namespace ctflow::page
