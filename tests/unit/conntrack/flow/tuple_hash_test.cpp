// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/tuple_hash.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <vector>

namespace ctflow {
namespace {

Tuple hashed_tuple(AddressFamily family) {
  Tuple tuple;
  tuple.family = family;
  tuple.source.octets = {192, 0, 2, 1};
  tuple.destination.octets = {198, 51, 100, 1};
  tuple.source_port = 1000;
  tuple.destination_port = 443;
  tuple.protocol = 6;
  return tuple;
}

/// Whatever tells connections apart on the wire gives another hash.
TEST(TableHash, DependsOnAllThatTellsConnectionsApart) {
  const std::vector<std::function<void(Tuple&)>> changes{
      [](Tuple&) {},
      [](Tuple& one) { one.source.octets[3] ^= 1; },
      [](Tuple& one) { one.destination.octets[0] ^= 1; },
      [](Tuple& one) { std::swap(one.source, one.destination); },
      [](Tuple& one) { one.source_port ^= 1; },
      [](Tuple& one) { one.destination_port ^= 1; },
      [](Tuple& one) { std::swap(one.source_port, one.destination_port); },
      [](Tuple& one) { one.protocol = 17; },
      [](Tuple& one) { one.zone = 1; },
      [](Tuple& one) { one.zone = 256; },
  };
  for (const AddressFamily family : {AddressFamily::kIpv4, AddressFamily::kIpv6}) {
    std::set<std::uint64_t> hashes;
    for (const auto& change : changes) {
      Tuple tuple = hashed_tuple(family);
      change(tuple);
      hashes.insert(table_hash_of(tuple));
    }
    EXPECT_EQ(hashes.size(), changes.size());
  }
}

TEST(TableHash, DependsOnEachOctetOfIpv6) {
  std::set<std::uint64_t> hashes;
  for (std::size_t i = 0; i < 16; ++i) {
    Tuple tuple = hashed_tuple(AddressFamily::kIpv6);
    tuple.source.octets.at(i) ^= 0x80;
    hashes.insert(table_hash_of(tuple));
    tuple = hashed_tuple(AddressFamily::kIpv6);
    tuple.destination.octets.at(i) ^= 0x80;
    hashes.insert(table_hash_of(tuple));
  }
  EXPECT_EQ(hashes.size(), 32U);
}

TEST(TableHash, DependsOnTheIdOfIcmp) {
  Tuple tuple = hashed_tuple(AddressFamily::kIpv4);
  tuple.protocol = 1;
  tuple.source_port = tuple.destination_port = 0;
  std::set<std::uint64_t> hashes;
  for (std::uint16_t id = 0; id < 100; ++id) {
    tuple.icmp_id = id;
    hashes.insert(table_hash_of(tuple));
  }
  EXPECT_EQ(hashes.size(), 100U);
}

/// Many clients with ports in a row to few servers, as behind a NAT: no two alike, and spread over
/// the low bits by which a table looks for its place.
TEST(TableHash, SpreadsConnectionsThatResembleEachOther) {
  std::set<std::uint64_t> hashes;
  std::vector<unsigned> places(256);
  constexpr unsigned kConnections = 64U * 1024U;
  for (unsigned i = 0; i < kConnections; ++i) {
    Tuple tuple = hashed_tuple(AddressFamily::kIpv4);
    tuple.source.octets[3] = static_cast<std::uint8_t>(i & 0xff);
    tuple.source_port = static_cast<std::uint16_t>(1024 + (i >> 8));
    const std::uint64_t hash = table_hash_of(tuple);
    hashes.insert(hash);
    ++places.at(hash & 0xff);
  }
  EXPECT_EQ(hashes.size(), kConnections);
  for (const unsigned count : places) {
    EXPECT_GT(count, 170U);  // 256 on average, deviation 16
    EXPECT_LT(count, 342U);
  }
}

}  // namespace
}  // namespace ctflow
