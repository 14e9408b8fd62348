// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses that begin alike, as the configuration names them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "ctflow/flow.hpp"

namespace ctflow {

/// Addresses that begin alike.
struct Network {
  AddressFamily family = AddressFamily::kNone;
  IpAddress address{};
  std::uint8_t length = 0;  ///< leading bits of the address that count

  friend bool operator==(const Network&, const Network&) = default;
};

/// ::ffff:0:0/96 (RFC 4291, 2.5.5.2): an IPv6 address with an IPv4 one in its last four octets.
inline bool is_ipv4_mapped(const IpAddress& address) {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(kMapped.begin(), kMapped.end(), address.octets.begin());
}

}  // namespace ctflow
