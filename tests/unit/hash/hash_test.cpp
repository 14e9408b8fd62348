// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "hash/fnv1a.hpp"
#include "hash/mix.hpp"

namespace ctflow {
namespace {

// From the authors' page of test vectors.
TEST(Fnv1a, GivesWhatIsPublished) {
  EXPECT_EQ(fnv1a<std::uint32_t>(std::string_view()), 0x811c9dc5U);
  EXPECT_EQ(fnv1a<std::uint32_t>(std::string_view("a")), 0xe40c292cU);
  EXPECT_EQ(fnv1a<std::uint32_t>(std::string_view("foobar")), 0xbf9cf968U);
  EXPECT_EQ(fnv1a<std::uint64_t>(std::string_view("a")), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(fnv1a<std::uint64_t>(std::string_view("foobar")), 0x85944171f73967e8U);
}

TEST(Fnv1a, GoesOnBehindWhatCameBefore) {
  const auto before = fnv1a<std::uint64_t>(std::string_view("foo"));
  EXPECT_EQ(fnv1a(std::string_view("bar"), before),
            fnv1a<std::uint64_t>(std::string_view("foobar")));
}

// The first number of SplitMix64 with seed 0.
TEST(Mix, IsTheFinalizerOfSplitMix64) { EXPECT_EQ(mix(kGolden), 0xe220a8397b1dcdafU); }

/// Neighbours on the wire, which differ in a few bits anywhere, fill a table as chance would: of n
/// balls in n places 63 % are used.
TEST(HashWords, SpreadsWordsThatDifferInAFewBits) {
  constexpr unsigned kBits = 12;
  for (unsigned shift = 0; shift + kBits <= 64; ++shift) {
    std::set<std::size_t> one;
    std::set<std::size_t> other;
    for (std::uint64_t i = 0; i < 1U << kBits; ++i) {
      one.insert(slot_of(hash_words(i << shift, 7), kBits));
      other.insert(slot_of(hash_words(7, i << shift), kBits));
    }
    EXPECT_GT(one.size(), 2'200U) << shift;
    EXPECT_GT(other.size(), 2'200U) << shift;
  }
}

TEST(HashWords, DependsOnWhichWordIsWhich) { EXPECT_NE(hash_words(1, 2), hash_words(2, 1)); }

}  // namespace
}  // namespace ctflow
