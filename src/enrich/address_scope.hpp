// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses that mean something on one link only, or many hosts at once: no default route leads
// there (RFC 1122 section 3.2.1.3, RFC 3927 section 2.6.2, RFC 4007, RFC 4291, RFC 5771).
#pragma once

#include <algorithm>

#include "ctflow/flow.hpp"

namespace ctflow {

inline bool is_unspecified(const IpAddress& address) { return address == IpAddress{}; }

/// 255.255.255.255
inline bool is_limited_broadcast(AddressFamily family, const IpAddress& address) {
  return family == AddressFamily::kIpv4 &&
         std::all_of(address.octets.begin(), address.octets.begin() + 4,
                     [](std::uint8_t octet) { return octet == 255; });
}

/// Multicast, or the limited broadcast address.
inline bool is_group(AddressFamily family, const IpAddress& address) {
  if (address.octets[0] < 224) return false;  // as most are, in both families
  if (family == AddressFamily::kIpv6) return address.octets[0] == 0xff;
  return address.octets[0] >> 4 == 14 || is_limited_broadcast(family, address);
}

/// A group that routers do not forward: 224.0.0.0/24, 255.255.255.255; interface-local and
/// link-local scope of IPv6.
inline bool is_link_group(AddressFamily family, const IpAddress& address) {
  const auto& octets = address.octets;
  if (family == AddressFamily::kIpv6) return octets[0] == 0xff && (octets[1] & 0x0f) <= 2;
  return (octets[0] == 224 && octets[1] == 0 && octets[2] == 0) ||
         is_limited_broadcast(family, address);
}

/// 169.254.0.0/16 or fe80::/10.
inline bool is_link_local(AddressFamily family, const IpAddress& address) {
  const auto& octets = address.octets;
  if (family == AddressFamily::kIpv6) return octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
  return octets[0] == 169 && octets[1] == 254;
}

}  // namespace ctflow
