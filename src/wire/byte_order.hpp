// SPDX-License-Identifier: GPL-2.0-or-later
// Network byte order (big-endian), for messages, files and netlink attributes: the only functions
// that swap octets. The caller checks lengths.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ctflow::wire {

/// The integer with its octets in the opposite order.
template <std::unsigned_integral T>
constexpr T reversed(T value) {
  if constexpr (sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    static_assert(sizeof(T) == 8);
    return __builtin_bswap64(value);
  }
}

/// From host order to network order, or back.
template <std::unsigned_integral T>
constexpr T network_order(T value) {
  return std::endian::native == std::endian::little ? reversed(value) : value;
}

/// Writes sizeof(T) octets.
template <std::unsigned_integral T>
void store(std::byte* to, T value) {
  value = network_order(value);
  std::memcpy(to, &value, sizeof value);
}

/// Reads sizeof(T) octets at `offset`.
template <std::unsigned_integral T>
T load(std::span<const std::byte> from, std::size_t offset = 0) {
  T value;
  std::memcpy(&value, from.data() + offset, sizeof value);
  return network_order(value);
}

}  // namespace ctflow::wire
