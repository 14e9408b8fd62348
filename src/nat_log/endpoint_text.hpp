// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses and ports as people write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nat_log/look_up.hpp"

namespace ctflow::nat {

/// ADDRESS, ADDRESS:PORT, [IPv6 ADDRESS] or [IPv6 ADDRESS]:PORT; IPv6 without a port also without
/// brackets. Nothing: it is none of these.
std::optional<Endpoint> parse_endpoint(std::string_view text);

/// The address alone.
std::string address_text(const Endpoint& endpoint);

}  // namespace ctflow::nat
