// SPDX-License-Identifier: GPL-2.0-or-later
// Names of IP protocols.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ctflow::text {

struct NamedProtocol {
  std::string_view name;
  std::uint8_t number;
};

/// Those in common use, as IANA has them, in lower case.
inline constexpr std::array<NamedProtocol, 11> kProtocols{{{"tcp", 6},
                                                           {"udp", 17},
                                                           {"icmp", 1},
                                                           {"icmpv6", 58},
                                                           {"sctp", 132},
                                                           {"dccp", 33},
                                                           {"udplite", 136},
                                                           {"gre", 47},
                                                           {"esp", 50},
                                                           {"ah", 51},
                                                           {"igmp", 2}}};

/// The number of a name. Nothing: it is none of them.
std::optional<std::uint8_t> protocol_named(std::string_view name);

/// One of the names, or a number from 0 to 255. Nothing: it is neither.
std::optional<std::uint8_t> parse_protocol(std::string_view text);

/// The name, or the number.
std::string protocol_text(std::int64_t protocol);

/// All names with commas between them.
std::string protocol_names();

}  // namespace ctflow::text
