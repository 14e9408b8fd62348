// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers as people and files write them.
#pragma once

#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

namespace ctflow::text {

/// Of ASCII, whatever the locale.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The whole text as a number: digits alone, at most `most`. Nothing: it is no such number.
template <std::unsigned_integral Number>
std::optional<Number> parse_number(std::string_view text,
                                   Number most = std::numeric_limits<Number>::max(),
                                   int base = 10) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || last != end || number > most) return std::nullopt;
  return number;
}

}  // namespace ctflow::text
