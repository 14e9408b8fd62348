// SPDX-License-Identifier: GPL-2.0-or-later
// A MAC address as people and files write it. As a number it has 48 bits, the first octet highest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctflow::text {

/// Six pairs of hexadecimal digits between colons or hyphens.
std::optional<std::uint64_t> parse_mac(std::string_view text);

/// 02:00:5e:00:53:01
std::string mac_text(std::uint64_t address);

}  // namespace ctflow::text
