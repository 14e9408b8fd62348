// SPDX-License-Identifier: GPL-2.0-or-later
// Hashes of one word or two. No outsider may choose what is hashed: see HashSecret where one does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ctflow {

/// The golden ratio in 64 bits.
inline constexpr std::uint64_t kGolden = 0x9e37'79b9'7f4a'7c15U;

/// The finalizer of SplitMix64: every bit of the input moves every bit of the result.
constexpr std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

/// Of two words, in fewer steps: the upper bits are the good ones.
constexpr std::uint64_t hash_words(std::uint64_t one, std::uint64_t other) {
  const std::uint64_t hash = one * kGolden ^ other * 0xc2b2'ae3d'27d4'eb4fU;
  return (hash ^ hash >> 32) * 0xd6e8'feb8'6659'fd93U;
}

/// The place of a hash in a table of 2^bits.
constexpr std::size_t slot_of(std::uint64_t hash, unsigned bits) {
  constexpr unsigned kWord = 64;
  return static_cast<std::size_t>(hash >> (kWord - bits));
}

}  // namespace ctflow
