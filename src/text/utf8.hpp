// SPDX-License-Identifier: GPL-2.0-or-later
// UTF-8 (RFC 3629), decoded strictly: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace ctflow::text {

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  ///< octets used; 0: the text does not begin with valid UTF-8
};

/// The first character of `text`; length 0 when there is none.
CodePoint first_code_point(std::string_view text);

/// What follows the byte order mark that editors of Windows begin a text with, if it has one.
std::string_view without_byte_order_mark(std::string_view text);

/// A C0 or C1 control character or DEL.
bool is_control(char32_t value);

}  // namespace ctflow::text
