// SPDX-License-Identifier: GPL-2.0-or-later
// Amounts and rates as people read them: three digits, units of 1000.
#pragma once

#include <cstdint>
#include <string>

namespace ctflow::text {

/// 38.2 GB
std::string people_text(std::uint64_t octets);
/// 14 020
std::string count_text(std::uint64_t number);
/// 12.3 Mbit/s, of bits a second.
std::string rate_text(double bits);

}  // namespace ctflow::text
