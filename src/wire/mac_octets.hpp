// SPDX-License-Identifier: GPL-2.0-or-later
// A MAC address as six octets, and as a number of 48 bits with the first octet highest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ctflow::wire {

inline constexpr std::size_t kMacOctets = 6;

constexpr std::array<std::uint8_t, kMacOctets> mac_octets(std::uint64_t mac) {
  constexpr unsigned kOctetBits = 8;
  std::array<std::uint8_t, kMacOctets> octets{};
  for (std::size_t i = kMacOctets; i-- > 0; mac >>= kOctetBits) {
    octets[i] = static_cast<std::uint8_t>(mac & 0xffU);
  }
  return octets;
}

/// Of six octets, in whatever type.
template <typename Octets>
constexpr std::uint64_t mac_number(const Octets& octets) {
  constexpr unsigned kOctetBits = 8;
  std::uint64_t mac = 0;
  for (const auto octet : octets) mac = mac << kOctetBits | static_cast<std::uint8_t>(octet);
  return mac;
}

}  // namespace ctflow::wire
