// SPDX-License-Identifier: GPL-2.0-or-later
// Hashes of what identifies a connection on the wire.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "conntrack/flow/hash_secret.hpp"
#include "ctflow/flow.hpp"
#include "hash/fold.hpp"
#include "hash/mix.hpp"

namespace ctflow {

inline std::uint64_t mix_address(std::uint64_t hash, const IpAddress& address) {
  for (std::size_t i = 0; i < 2; ++i) {
    std::uint64_t half = 0;
    std::memcpy(&half, address.octets.data() + 8 * i, sizeof half);
    hash = mix(hash ^ half);
  }
  return hash;
}

/// Of one direction's addresses, ports and protocol, behind `seed`. The same on every host: it is
/// in records.
inline std::uint64_t hash_of(const Tuple& tuple, std::uint64_t seed) {
  std::uint64_t hash = mix(seed);
  hash = mix_address(hash, tuple.source);
  hash = mix_address(hash, tuple.destination);
  return mix(hash ^ (std::uint64_t{tuple.source_port} << 48 | std::uint64_t{tuple.icmp_id} << 32 |
                     std::uint64_t{tuple.destination_port} << 16 | tuple.protocol));
}

/// What tells connections between two addresses apart, as one number.
inline std::uint64_t ends_of(const Tuple& tuple) {
  static_assert(static_cast<unsigned>(AddressFamily::kIpv6) == 2, "two bits hold the family");
  // A protocol has ports or an id: one of the two is 0.
  const std::uint32_t ports = std::uint32_t{tuple.destination_port} << 16 | tuple.source_port;
  const std::uint32_t rest = std::uint32_t{tuple.zone} << 16 | std::uint32_t{tuple.protocol} << 8 |
                             static_cast<std::uint32_t>(tuple.family);
  return std::uint64_t{rest} << 32 | (ports | tuple.icmp_id);
}

/// A bit that ends_of() has in no connection: behind the two of the family.
inline constexpr std::uint64_t kNeverInEnds = std::uint64_t{1} << 39;

/// Of both, also where one of them is 0.
inline std::uint64_t fold_both(std::uint64_t left, std::uint64_t right) {
  return fold(left, right) ^ left ^ right;
}

/// The two addresses, as one number that an outsider does not know.
inline std::uint64_t addresses_of(const Tuple& tuple, const HashSecret& secret) {
  if (tuple.family == AddressFamily::kIpv4) {
    std::uint32_t source = 0;
    std::uint32_t destination = 0;
    std::memcpy(&source, tuple.source.octets.data(), sizeof source);
    std::memcpy(&destination, tuple.destination.octets.data(), sizeof destination);
    return (source | std::uint64_t{destination} << 32) ^ secret.addresses;
  }
  std::array<std::uint64_t, 2> source{};
  std::array<std::uint64_t, 2> destination{};
  std::memcpy(source.data(), tuple.source.octets.data(), sizeof source);
  std::memcpy(destination.data(), tuple.destination.octets.data(), sizeof destination);
  const std::uint64_t from = fold_both(source[0] ^ secret.halves[0], source[1] ^ secret.halves[1]);
  return fold_both(destination[0] ^ from, destination[1] ^ secret.halves[2]) ^ secret.halves[3];
}

/// For tables: of fewer steps, and with a secret, which those who choose tuples do not know. Each
/// tuple has its product with the secret: the ends, which are never 0 then, with the addresses. The
/// addresses may be 0, but then the ends are left.
inline std::uint64_t table_hash_of(const Tuple& tuple, const HashSecret& secret = kBootSecret) {
  const std::uint64_t ends = ends_of(tuple) ^ secret.ends;
  return fold(addresses_of(tuple, secret), ends) ^ ends;
}

/// The place of a connection in a table: of its table_hash_of() and what else distinguishes it
/// with the same tuple.
inline std::uint64_t table_place(std::uint64_t hash, std::uint64_t distinction,
                                 const HashSecret& secret = kBootSecret) {
  return fold(hash ^ distinction, secret.start);
}

}  // namespace ctflow
