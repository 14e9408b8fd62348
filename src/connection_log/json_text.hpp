// SPDX-License-Identifier: GPL-2.0-or-later
// The values of a line of JSON. Each function appends to a buffer with room, so that a line costs
// no allocation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ctflow/flow.hpp"

namespace ctflow::json_text {

/// Readers that keep numbers as IEEE 754 doubles (RFC 8259 section 6) have every integer below it.
inline constexpr std::uint64_t kFirstInexact = std::uint64_t{1} << 53;

/// A number below kFirstInexact, else a string of its digits.
void append_number(std::string& to, std::uint64_t value);

/// In quotes: RFC 3339, UTC, milliseconds, such as "2026-11-26T22:15:00.123Z". Rounded down; years
/// before 1970 are 1970.
void append_time(std::string& to, TimePoint time);

/// In quotes. IPv4 with dots, IPv6 by RFC 5952.
void append_address(std::string& to, AddressFamily family, const IpAddress& address);

/// In quotes: 48 bits as pairs of hexadecimal digits, such as "02:00:5e:00:53:01".
void append_mac(std::string& to, std::uint64_t mac);

/// In quotes, escaped. What is no UTF-8, and control characters, become visible escapes as in log
/// lines (text/escape.hpp). Allocates only for text that needs escapes.
void append_text(std::string& to, std::string_view text);

}  // namespace ctflow::json_text
