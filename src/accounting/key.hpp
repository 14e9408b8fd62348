// SPDX-License-Identifier: GPL-2.0-or-later
// What rows are told apart by, as numbers of the running process.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <tuple>
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

  friend bool operator==(const Key& one, const Key& other);
};
static_assert(std::has_unique_object_representations_v<Key>, "no octets that are in no member");

using KeyWords = std::array<std::uint64_t, sizeof(Key) / sizeof(std::uint64_t)>;

inline KeyWords words_of(const Key& key) { return std::bit_cast<KeyWords>(key); }

/// By words: comparing member by member calls memcmp.
inline bool operator==(const Key& one, const Key& other) {
  const KeyWords left = words_of(one);
  const KeyWords right = words_of(other);
  std::uint64_t different = 0;
  for (std::size_t i = 0; i < left.size(); ++i) different |= left[i] ^ right[i];
  return different == 0;
}

/// A sum of products, which take one instruction each and do not wait for each other. What takes
/// some of its bits mixes them first.
inline std::uint64_t hash_of(const Key& key) {
  constexpr std::array<std::uint32_t, std::tuple_size_v<KeyWords>> kFactors{
      0x5bd1e995, 0x7feb352d, 0x46ac12fd, 0x1b873593, 0x2c1b3c6d, 0x297a2d39, 0x68e31da5};
  const KeyWords words = words_of(key);
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < words.size(); ++i) hash += words[i] * kFactors[i];
  return hash;
}

struct KeyHash {
  std::size_t operator()(const Key& key) const { return static_cast<std::size_t>(hash_of(key)); }
};

}  // namespace ctflow::accounting
