// SPDX-License-Identifier: GPL-2.0-or-later
// Hosts with their ports as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctflow::text {

struct HostAndPort {
  std::string_view host;  ///< without brackets; not looked at
  std::optional<std::uint16_t> port{};
  bool in_brackets = false;
};

/// HOST, HOST:PORT, [HOST] or [HOST]:PORT; a host with several colons has no port without brackets.
/// Nothing: it is none of these.
std::optional<HostAndPort> split_endpoint(std::string_view text);

/// ADDRESS:PORT, IPv6 in brackets.
std::string endpoint_text(const std::string& address, std::uint16_t port);

}  // namespace ctflow::text
