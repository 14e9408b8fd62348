// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses and networks as people write them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "ctflow/network.hpp"

namespace ctflow::text {

/// An IPv4 or IPv6 address as the network of it alone. Nothing: it is none.
std::optional<Network> parse_address(std::string_view text);

struct ParsedNetwork {
  std::optional<Network> network{};
  std::string fault{};  ///< what is wrong behind the address; empty: nothing, or it is no address
};

/// ADDRESS, the network of it alone, or ADDRESS/LENGTH without bits behind the prefix.
ParsedNetwork parse_network(std::string_view text);

/// ADDRESS/LENGTH
std::string network_text(const Network& network);

/// The address with zeros behind its first `length` bits.
IpAddress masked(const IpAddress& address, std::size_t length);

}  // namespace ctflow::text
