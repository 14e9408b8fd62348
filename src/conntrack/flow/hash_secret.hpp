// SPDX-License-Identifier: GPL-2.0-or-later
// What keeps those who send packets from choosing places in our tables.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ctflow {

/// One who knows where a connection has its place in a table can open many that share one, so that
/// each look takes longer. So the places depend on numbers that only this host has.
struct HashSecret {
  std::uint64_t addresses = 0;
  /// One of the bits that ends_of() leaves 0 is set, so that it xor the secret is never 0.
  std::uint64_t ends = 0;
  std::uint64_t start = 0;                ///< odd
  std::array<std::uint64_t, 4> halves{};  ///< of addresses of IPv6

  /// The same for the same text.
  static HashSecret of(std::string_view text);
};

/// Of the kernel's boot_id, which is unknown outside this host: the same in every process until
/// the next boot, so that what one has stored another one finds. Where it cannot be read it is one
/// of an empty text, which is no secret. Not to be used before main().
extern const HashSecret kBootSecret;

}  // namespace ctflow
