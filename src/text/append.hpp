// SPDX-License-Identifier: GPL-2.0-or-later
// Values as text, appended to a buffer with room, so that a line or a row costs no allocation.
#pragma once

#include <cstdint>
#include <string>

#include "ctflow/flow.hpp"

namespace ctflow::text {

void append_number(std::string& to, std::uint64_t value);

enum class Fraction : std::uint8_t { kMilliseconds, kMicroseconds };

/// UTC, such as 2026-11-26T22:15:00.123, with `between` for the T. Rounded down; years before 1970
/// are 1970.
void append_time(std::string& to, TimePoint time, char between, Fraction fraction);

/// IPv4 with dots, IPv6 by RFC 5952.
void append_address(std::string& to, AddressFamily family, const IpAddress& address);

/// 48 bits as pairs of hexadecimal digits, such as 02:00:5e:00:53:01.
void append_mac(std::string& to, std::uint64_t mac);

}  // namespace ctflow::text
