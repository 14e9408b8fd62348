// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses and networks as people write them.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "ctflow/network.hpp"

namespace ctflow::text {

/// An IPv4 or IPv6 address as the network of it alone. Nothing: it is none.
std::optional<Network> parse_address(std::string_view text);

/// The address with zeros behind its first `length` bits.
IpAddress masked(const IpAddress& address, std::size_t length);

}  // namespace ctflow::text
