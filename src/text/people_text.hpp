// SPDX-License-Identifier: GPL-2.0-or-later
// Amounts, counts and rates as people read them: groups of three digits, units of 1000.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ctflow::text {

/// 38.2 GB
std::string people_text(std::uint64_t octets);
/// 14 020
std::string count_text(std::uint64_t number);
/// "1 line waits", "14 020 lines wait": the number, and the words for one or for any other.
std::string count_text(std::uint64_t number, std::string_view one, std::string_view others);
/// 12.3 Mbit/s, of bits a second.
std::string rate_text(double bits);

}  // namespace ctflow::text
