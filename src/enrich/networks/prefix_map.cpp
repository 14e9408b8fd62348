// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/networks/prefix_map.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

constexpr unsigned kHalfBits = 64;
constexpr std::size_t kFew = 8;  ///< are looked at one by one: that takes less than halving

std::uint64_t leading_bits(unsigned count) {
  if (count == 0) return 0;
  return count >= kHalfBits ? std::numeric_limits<std::uint64_t>::max()
                            : ~(std::numeric_limits<std::uint64_t>::max() >> count);
}

}  // namespace

PrefixMap::Bits PrefixMap::bits_of(const IpAddress& address) {
  struct Halves {
    std::uint64_t high;
    std::uint64_t low;
  };
  const auto halves = std::bit_cast<Halves>(address.octets);
  return {wire::network_order(halves.high), wire::network_order(halves.low)};
}

void PrefixMap::add(const Network& network, std::uint16_t value) {
  std::vector<Length>& lengths = families_.at(index_of(network.family));
  auto level = std::partition_point(lengths.begin(), lengths.end(),
                                    [&](const Length& one) { return one.length > network.length; });
  if (level == lengths.end() || level->length != network.length) {
    Length fresh;
    fresh.length = network.length;
    const unsigned length = network.length;
    fresh.mask = {leading_bits(length), leading_bits(length > kHalfBits ? length - kHalfBits : 0)};
    level = lengths.insert(level, fresh);
  }
  Bits bits = bits_of(network.address);
  bits.first &= level->mask.first;
  bits.second &= level->mask.second;
  auto& entries = level->entries;
  const auto place = std::partition_point(entries.begin(), entries.end(),
                                          [&](const Entry& entry) { return entry.network < bits; });
  if (place == entries.end() || place->network != bits) {
    entries.insert(place, {bits, value});
  } else {
    place->value = value;
  }
}

void PrefixMap::add(std::vector<std::pair<Network, std::uint16_t>> networks) {
  // Sorted so, each is added behind the one before.
  std::stable_sort(networks.begin(), networks.end(), [](const auto& left, const auto& right) {
    return left.first.address.octets < right.first.address.octets;
  });
  for (const auto& [network, value] : networks) add(network, value);
}

PrefixMap::Found PrefixMap::longest(AddressFamily family, const IpAddress& address) const {
  const std::vector<Length>& lengths = families_[index_of(family)];
  if (lengths.empty()) return {};
  const Bits bits = bits_of(address);
  for (const Length& one : lengths) {
    const Bits masked{bits.first & one.mask.first, bits.second & one.mask.second};
    if (one.entries.size() <= kFew) {
      for (const Entry& entry : one.entries) {
        if (entry.network == masked) return {entry.value, one.length};
      }
      continue;
    }
    const auto place =
        std::partition_point(one.entries.begin(), one.entries.end(),
                             [&](const Entry& entry) { return entry.network < masked; });
    if (place != one.entries.end() && place->network == masked) {
      return {place->value, one.length};
    }
  }
  return {};
}

}  // namespace ctflow
