// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses, ports and protocols as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nat_log/look_up.hpp"

namespace ctflow::nat {

/// ADDRESS, ADDRESS:PORT, [IPv6 ADDRESS] or [IPv6 ADDRESS]:PORT; IPv6 without a port also without
/// brackets. Nothing: it is none of these.
std::optional<Endpoint> parse_endpoint(std::string_view text);

/// A number from 0 to 255, or one of the names that protocol_text() gives.
std::optional<std::uint8_t> parse_protocol(std::string_view text);

/// The name of a protocol that is common with NAT, else its number.
std::string protocol_text(std::uint8_t protocol);

/// ADDRESS:PORT, IPv6 in brackets.
std::string endpoint_text(const std::string& address, std::uint16_t port);

/// The address alone.
std::string address_text(const Endpoint& endpoint);

}  // namespace ctflow::nat
