// SPDX-License-Identifier: GPL-2.0-or-later
// Hashes of what identifies a connection on the wire.
#pragma once

#include <cstdint>
#include <cstring>

#include "ctflow/flow.hpp"

namespace ctflow {

/// The finalizer of SplitMix64: every bit of the input moves every bit of the result.
inline std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

inline std::uint64_t mix_address(std::uint64_t hash, const IpAddress& address) {
  for (std::size_t i = 0; i < 2; ++i) {
    std::uint64_t half = 0;
    std::memcpy(&half, address.octets.data() + 8 * i, sizeof half);
    hash = mix(hash ^ half);
  }
  return hash;
}

/// Of one direction's addresses, ports and protocol, behind `seed`.
inline std::uint64_t hash_of(const Tuple& tuple, std::uint64_t seed) {
  std::uint64_t hash = mix(seed);
  hash = mix_address(hash, tuple.source);
  hash = mix_address(hash, tuple.destination);
  return mix(hash ^ (std::uint64_t{tuple.source_port} << 48 | std::uint64_t{tuple.icmp_id} << 32 |
                     std::uint64_t{tuple.destination_port} << 16 | tuple.protocol));
}

/// The same of fewer steps, for tables: two addresses of IPv4 are mixed in at once.
inline std::uint64_t table_hash_of(const Tuple& tuple) {
  std::uint64_t hash = 0;
  if (tuple.family == AddressFamily::kIpv4) {
    std::uint32_t source = 0;
    std::uint32_t destination = 0;
    std::memcpy(&source, tuple.source.octets.data(), sizeof source);
    std::memcpy(&destination, tuple.destination.octets.data(), sizeof destination);
    hash = mix(source | std::uint64_t{destination} << 32);
  } else {
    hash = mix_address(mix_address(hash, tuple.source), tuple.destination);
  }
  // A protocol has ports or an id: one of the two is 0.
  const std::uint64_t source_end = tuple.source_port | tuple.icmp_id;
  return mix(hash ^ (source_end << 48 | std::uint64_t{tuple.destination_port} << 32 |
                     std::uint64_t{tuple.zone} << 16 | tuple.protocol));
}

}  // namespace ctflow
