// SPDX-License-Identifier: GPL-2.0-or-later
// A multiplication of which every bit is used.
#pragma once

#include <cstdint>

namespace ctflow {

/// Both halves of the product of 128 bits, one xor the other. In parts of 32 bits, for processors
/// and compilers without a wider multiplication; fold() gives the same.
constexpr std::uint64_t fold_by_parts(std::uint64_t left, std::uint64_t right) {
  constexpr unsigned kHalf = 32;
  constexpr std::uint64_t kLow = 0xffff'ffffU;
  const std::uint64_t low = (left & kLow) * (right & kLow);
  const std::uint64_t one = (left >> kHalf) * (right & kLow) + (low >> kHalf);
  const std::uint64_t other = (left & kLow) * (right >> kHalf) + (one & kLow);
  const std::uint64_t high = (left >> kHalf) * (right >> kHalf) + (one >> kHalf) + (other >> kHalf);
  return high ^ (other << kHalf | (low & kLow));
}

/// The same in one multiplication where there is one. Where one of the two is 0 so is the result,
/// whatever the other is.
constexpr std::uint64_t fold(std::uint64_t left, std::uint64_t right) {
#ifdef __SIZEOF_INT128__
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(left) * right;
  return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
#else
  return fold_by_parts(left, right);
#endif
}

}  // namespace ctflow
