// SPDX-License-Identifier: GPL-2.0-or-later
// What rows are told apart by, as numbers of the running process.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ctflow/flow.hpp"

namespace ctflow::accounting {

/// What an aggregate does not tell apart is zero in all its keys.
struct Key {
  IpAddress host{};
  std::uint64_t device = 0;  ///< MAC address, 0 = not known
  std::uint32_t mark = 0;
  std::uint32_t interface = 0;         ///< ifIndex, 0 = unknown
  std::uint32_t remote_interface = 0;  ///< ifIndex, 0 = unknown
  std::uint32_t asn = 0;               ///< AS number of the other end, 0 = unknown
  std::array<char, 2> country{};       ///< of the other end, zeros = unknown
  std::uint16_t zone = 0;
  std::uint16_t network = 0;         ///< index into the settings + 1, 0 = other
  std::uint16_t remote_network = 0;  ///< the same
  std::uint16_t service = 0;         ///< the same
  std::uint16_t family = 0;          ///< AddressFamily of the host
  std::uint16_t protocol = 0;
  std::uint16_t none = 0;  ///< always

  friend bool operator==(const Key&, const Key&) = default;
};
static_assert(std::has_unique_object_representations_v<Key>, "no octets that are in no member");

inline std::uint64_t hash_of(const Key& key) {
  constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15ULL;
  constexpr unsigned kHalf = 32;
  std::uint64_t hash = 0;
  for (const std::uint64_t word :
       std::bit_cast<std::array<std::uint64_t, sizeof(Key) / sizeof(std::uint64_t)>>(key)) {
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> kHalf;
  }
  return hash;
}

struct KeyHash {
  std::size_t operator()(const Key& key) const { return hash_of(key); }
};

}  // namespace ctflow::accounting
