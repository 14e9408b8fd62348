// SPDX-License-Identifier: GPL-2.0-or-later
// FNV-1a, the same on every host and in every run.
// Source: G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, "The FNV Non-Cryptographic Hash Algorithm".
#pragma once

#include <cstdint>
#include <type_traits>

namespace ctflow {

/// `Word`: std::uint32_t or std::uint64_t.
template <typename Word>
inline constexpr Word kFnvStart = std::is_same_v<Word, std::uint32_t>
                                      ? Word{2166136261U}
                                      : static_cast<Word>(14695981039346656037U);

/// Of `octets` behind what gave `value`.
template <typename Word, typename Octets>
constexpr Word fnv1a(const Octets& octets, Word value = kFnvStart<Word>) {
  constexpr Word kPrime =
      std::is_same_v<Word, std::uint32_t> ? Word{16777619U} : static_cast<Word>(1099511628211U);
  for (const auto octet : octets) value = (value ^ static_cast<std::uint8_t>(octet)) * kPrime;
  return value;
}

}  // namespace ctflow
