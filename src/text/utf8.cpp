// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/utf8.hpp"

#include <array>

namespace ctflow::text {
namespace {

/// How a sequence of `length` octets begins, and the least value that needs that many.
struct Form {
  unsigned mask, lead;
  std::size_t length;
  char32_t least;
};
constexpr std::array<Form, 4> kForms{{
    {0x80, 0x00, 1, 0},
    {0xe0, 0xc0, 2, 0x80},
    {0xf0, 0xe0, 3, 0x800},
    {0xf8, 0xf0, 4, 0x10000},
}};

unsigned octet(char c) { return static_cast<unsigned char>(c); }

}  // namespace

CodePoint first_code_point(std::string_view text) {
  if (text.empty()) return {};
  for (const Form& form : kForms) {
    if ((octet(text[0]) & form.mask) != form.lead) continue;
    if (text.size() < form.length) return {};
    char32_t value = octet(text[0]) & ~form.mask & 0xffU;
    for (std::size_t i = 1; i < form.length; ++i) {
      if ((octet(text[i]) & 0xc0U) != 0x80U) return {};
      value = (value << 6U) | (octet(text[i]) & 0x3fU);
    }
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < form.least || value > 0x10ffff || surrogate) return {};
    return {value, form.length};
  }
  return {};
}

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.substr(0, kMark.size()) == kMark) text.remove_prefix(kMark.size());
  return text;
}

bool is_control(char32_t value) { return value < 0x20 || (value >= 0x7f && value <= 0x9f); }

}  // namespace ctflow::text
