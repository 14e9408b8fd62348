// SPDX-License-Identifier: GPL-2.0-or-later
// What those who choose tuples cannot do to the tables of connections.
#include "conntrack/flow/hash_secret.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "conntrack/flow/tuple_hash.hpp"

namespace ctflow {
namespace {

constexpr std::uint64_t kHashedStart = 1'700'000'000'123'456'789;

std::uint64_t place(const Tuple& tuple, const HashSecret& secret,
                    std::uint64_t start = kHashedStart) {
  return table_place(table_hash_of(tuple, secret), start, secret);
}

Tuple tuple_between(const std::array<std::uint8_t, 16>& source,
                    const std::array<std::uint8_t, 16>& destination, AddressFamily family) {
  Tuple tuple;
  tuple.source.octets = source;
  tuple.destination.octets = destination;
  tuple.source_port = 1000;
  tuple.destination_port = 443;
  tuple.family = family;
  tuple.protocol = 6;
  return tuple;
}

Tuple tuple_of_ipv4() {
  return tuple_between({192, 0, 2, 1}, {198, 51, 100, 1}, AddressFamily::kIpv4);
}

Tuple tuple_of_ipv6() {
  return tuple_between({0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                       {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2},
                       AddressFamily::kIpv6);
}

/// One that nobody chose.
HashSecret plain_secret() {
  HashSecret secret;
  secret.addresses = 0x0123456789abcdef;
  secret.ends = 0x0fedcba987654321 | kNeverInEnds;
  secret.start = 0x9e3779b97f4a7c15;
  secret.halves = {0x1111111111111111, 0x2222222222222222, 0x3333333333333333, 0x4444444444444444};
  return secret;
}

TEST(Fold, IsTheSameInPartsOf32Bits) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> numbers{0,         1,    2, 0xffff'ffff, std::uint64_t{1} << 32,
                                     kMost - 1, kMost};
  for (int i = 0; i < 500; ++i) numbers.push_back(random() >> random() % 64);
  for (const std::uint64_t one : numbers) {
    for (const std::uint64_t other : numbers) {
      ASSERT_EQ(fold(one, other), fold_by_parts(one, other)) << one << " " << other;
    }
  }
}

/// Computed by integers without a limit.
TEST(Fold, IsBothHalvesOfTheProduct) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  static_assert(fold(kMost, kMost) == kMost);
  static_assert(fold_by_parts(kMost, kMost) == kMost);
  static_assert(fold(std::uint64_t{1} << 63, 2) == 1);
  static_assert(fold(0, kMost) == 0);
  static_assert(fold(0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9) == 0xa035e2cc637f5704);
}

/// State files hold these: another result needs another format. Computed by a program of its own.
TEST(TablePlace, IsWhatItWas) {
  if constexpr (std::endian::native != std::endian::little) GTEST_SKIP() << "others elsewhere";
  Tuple tuple = tuple_of_ipv4();
  tuple.zone = 7;
  EXPECT_EQ(place(tuple, plain_secret()), 0xa7e62371feab436aU);
  tuple = tuple_of_ipv6();
  tuple.zone = 7;
  tuple.protocol = 17;
  EXPECT_EQ(place(tuple, plain_secret()), 0x5428eae182f14346U);
}

TEST(HashSecret, IsOfItsText) {
  const auto numbers = [](const HashSecret& secret) {
    std::vector<std::uint64_t> all{secret.addresses, secret.ends, secret.start};
    all.insert(all.end(), secret.halves.begin(), secret.halves.end());
    return all;
  };
  std::set<std::uint64_t> seen;
  const std::vector<std::string> texts{"",
                                       "a",
                                       "b",
                                       "aa",
                                       std::string(1, '\0'),
                                       "2c4f0ab2-6a2c-4b7e-9d0e-b6d1a6f7e001",
                                       "2c4f0ab2-6a2c-4b7e-9d0e-b6d1a6f7e002"};
  for (const std::string& text : texts) {
    EXPECT_EQ(numbers(HashSecret::of(text)), numbers(HashSecret::of(text)));
    for (const std::uint64_t number : numbers(HashSecret::of(text))) seen.insert(number);
  }
  EXPECT_EQ(seen.size(), 7 * texts.size()) << "each number of each";
}

/// So that a process finds what another one of the same boot has stored.
TEST(HashSecret, OfThisProcessIsThatOfTheBoot) {
  std::string line;
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::getline(file, line);
  const HashSecret expected = HashSecret::of(line);
  EXPECT_EQ(kBootSecret.addresses, expected.addresses);
  EXPECT_EQ(kBootSecret.ends, expected.ends);
  EXPECT_EQ(kBootSecret.start, expected.start);
  EXPECT_EQ(kBootSecret.halves, expected.halves);
}

TEST(HashSecret, GivesOtherPlaces) {
  const HashSecret one = HashSecret::of("one");
  const HashSecret other = HashSecret::of("other");
  for (Tuple tuple : {tuple_of_ipv4(), tuple_of_ipv6()}) {
    unsigned same = 0;
    for (unsigned i = 0; i < 10'000; ++i) {
      tuple.source_port = static_cast<std::uint16_t>(i);
      same += (place(tuple, one) ^ place(tuple, other)) % 128 == 0 ? 1U : 0U;
    }
    EXPECT_GT(same, 30U);  // 78 on average, deviation 9
    EXPECT_LT(same, 130U);
  }
}

/// Insertions into a table with linear probing that is half full at last: places that each one
/// looks at on average, and the longest look.
struct Looks {
  double average = 0;
  unsigned longest = 0;
};

Looks looks_of(const std::vector<std::uint64_t>& keys) {
  const std::size_t mask = 2 * keys.size() - 1;
  std::vector<bool> taken(mask + 1);
  Looks looks;
  for (const std::uint64_t key : keys) {
    std::size_t at = key & mask;
    unsigned count = 1;
    for (; taken[at]; at = (at + 1) & mask) ++count;
    taken[at] = true;
    looks.average += count / static_cast<double>(keys.size());
    looks.longest = std::max(looks.longest, count);
  }
  return looks;
}

constexpr unsigned kChosen = 1U << 14;

/// Makes `change(tuple, i)` of many, and expects that a table treats them as random numbers, of
/// which each insertion looks at 1.5 places on average.
void expect_short_chains(const char* what, const Tuple& tuple, const HashSecret& secret,
                         const std::function<void(Tuple&, unsigned)>& change) {
  std::vector<std::uint64_t> keys;
  keys.reserve(kChosen);
  for (unsigned i = 0; i < kChosen; ++i) {
    Tuple changed = tuple;
    change(changed, i);
    keys.push_back(place(changed, secret));
  }
  const Looks looks = looks_of(keys);
  EXPECT_LT(looks.average, 1.7) << what;
  EXPECT_LT(looks.longest, 100U) << what;
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end()) << what;
}

void add_number(IpAddress& address, std::size_t octet, unsigned number) {
  address.octets.at(octet) = static_cast<std::uint8_t>(address.octets.at(octet) + (number >> 8));
  address.octets.at(octet + 1) =
      static_cast<std::uint8_t>(address.octets.at(octet + 1) + (number & 0xff));
}

void expect_short_chains_of_all(const Tuple& tuple, const HashSecret& secret) {
  const bool is_ipv4 = tuple.family == AddressFamily::kIpv4;
  for (std::size_t octet = 0; octet < (is_ipv4 ? 4U : 16U); octet += 2) {
    expect_short_chains("addresses of sources in a row", tuple, secret,
                        [&](Tuple& one, unsigned i) { add_number(one.source, octet, i); });
    expect_short_chains("… of destinations", tuple, secret,
                        [&](Tuple& one, unsigned i) { add_number(one.destination, octet, i); });
    expect_short_chains("… of both alike", tuple, secret, [&](Tuple& one, unsigned i) {
      add_number(one.source, octet, i);
      add_number(one.destination, octet, i);
    });
  }
  const auto short_number = [](unsigned i) { return static_cast<std::uint16_t>(i); };
  expect_short_chains("ports in a row", tuple, secret,
                      [&](Tuple& one, unsigned i) { one.source_port = short_number(i); });
  expect_short_chains("ports of the responder", tuple, secret,
                      [&](Tuple& one, unsigned i) { one.destination_port = short_number(i); });
  expect_short_chains("high bits of ports", tuple, secret, [&](Tuple& one, unsigned i) {
    one.source_port = short_number(i << 9);
    one.destination_port = short_number(i >> 7 << 9);
  });
  expect_short_chains("zones", tuple, secret,
                      [&](Tuple& one, unsigned i) { one.zone = short_number(i << 2); });
  expect_short_chains("ids of ICMP", tuple, secret, [&](Tuple& one, unsigned i) {
    one.source_port = one.destination_port = 0;
    one.protocol = 1;
    one.icmp_id = short_number(i);
  });
}

TEST(TablePlaces, ChosenTuplesHaveShortChains) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const HashSecret& secret :
       {HashSecret::of(""), HashSecret::of(std::to_string(seed)), kBootSecret}) {
    expect_short_chains_of_all(tuple_of_ipv4(), secret);
    expect_short_chains_of_all(tuple_of_ipv6(), secret);
  }
}

TEST(TablePlaces, StartsInARowHaveShortChains) {
  for (const std::uint64_t step : {1U, 4'000'000U, 1'000'000'000U}) {
    std::vector<std::uint64_t> keys;
    keys.reserve(kChosen);
    for (unsigned i = 0; i < kChosen; ++i) {
      keys.push_back(place(tuple_of_ipv4(), plain_secret(), kHashedStart + step * i));
    }
    EXPECT_LT(looks_of(keys).average, 1.7) << step;
    EXPECT_LT(looks_of(keys).longest, 100U) << step;
  }
}

/// Where boot_id cannot be read the secret is known: even then no factor can be made 0 so that the
/// other one does not matter.
TEST(TablePlaces, NothingIsLostWhereAFactorIsZero) {
  const HashSecret secret = HashSecret::of("");
  Tuple tuple = tuple_of_ipv4();
  std::memcpy(tuple.source.octets.data(), &secret.addresses, 4);
  std::memcpy(tuple.destination.octets.data(), reinterpret_cast<const char*>(&secret.addresses) + 4,
              4);
  if constexpr (std::endian::native == std::endian::little) {
    ASSERT_EQ(addresses_of(tuple, secret), 0U);
  }
  expect_short_chains("addresses are the secret", tuple, secret, [](Tuple& one, unsigned i) {
    one.source_port = static_cast<std::uint16_t>(i);
  });
  tuple = tuple_of_ipv6();
  std::memcpy(tuple.source.octets.data(), secret.halves.data(), 8);
  expect_short_chains("a half of an address is the secret", tuple, secret,
                      [](Tuple& one, unsigned i) { add_number(one.source, 14, i); });
  Tuple most = tuple_of_ipv6();
  most.source_port = most.destination_port = most.icmp_id = most.zone = 0xffff;
  most.protocol = 0xff;
  EXPECT_EQ(ends_of(most) & kNeverInEnds, 0U);
  for (const char* text : {"", "a", "b", "c", "d", "e", "f", "g"}) {
    EXPECT_NE(HashSecret::of(text).ends & kNeverInEnds, 0U) << text;
    EXPECT_EQ(HashSecret::of(text).start & 1U, 1U) << text;
  }
}

/// Many random connections, and many that resemble each other. Of numbers of 64 bits two are the
/// same in one of 370 000 runs.
TEST(TablePlaces, NoTwoConnectionsShareAKey) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  constexpr std::size_t kEach = 2'500'000;
  std::vector<std::uint64_t> keys;
  keys.reserve(4 * kEach);
  Tuple ipv4 = tuple_of_ipv4();
  Tuple ipv6 = tuple_of_ipv6();
  for (std::size_t i = 0; i < kEach; ++i) {
    // In a row: ports, then addresses.
    ipv4.source_port = static_cast<std::uint16_t>(i);
    ipv4.source.octets[3] = static_cast<std::uint8_t>(i >> 16);
    keys.push_back(place(ipv4, kBootSecret));
    ipv6.source_port = static_cast<std::uint16_t>(i);
    ipv6.destination.octets[15] = static_cast<std::uint8_t>(i >> 16);
    keys.push_back(place(ipv6, kBootSecret));
    Tuple any = ipv4;
    const std::array<std::uint64_t, 2> numbers{random(), random() << 9 | 0x100};
    std::memcpy(any.source.octets.data(), numbers.data(), 4);
    std::memcpy(any.destination.octets.data(), reinterpret_cast<const char*>(numbers.data()) + 4,
                4);
    any.source_port = static_cast<std::uint16_t>(numbers[1] >> 48);
    any.zone = 1;
    keys.push_back(place(any, kBootSecret, numbers[1]));
    any = ipv6;
    std::memcpy(any.source.octets.data(), numbers.data(), sizeof numbers);
    any.zone = 1;
    keys.push_back(place(any, kBootSecret));
  }
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

}  // namespace
}  // namespace ctflow
