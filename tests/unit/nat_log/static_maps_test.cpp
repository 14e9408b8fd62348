// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/static_maps.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "support/nat_log_flows.hpp"

namespace ctflow::nat {
namespace {

using test::map_entry;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Translation of_map(const std::string& inside, const std::string& as, std::uint8_t protocol = 6) {
  std::array<Translation, 2> found;
  translations_of(test::source_nat(1, inside, "198.51.100.1:443", as, protocol), found);
  return found[0];
}

StaticMaps two_hosts() {
  return StaticMaps({{"map ip nat a",
                      {map_entry("100.64.0.2", "203.0.113.7", 1024, 3071),
                       map_entry("100.64.0.3", "203.0.113.7", 3072, 5119)}}});
}

TEST(StaticMaps, FollowedOnlyByTheInsideAddressWithinItsPorts) {
  const StaticMaps maps = two_hosts();
  for (const char* const port : {"1024", "2000", "3071"}) {
    const auto* const found =
        maps.followed_by(of_map("100.64.0.2:5000", std::string("203.0.113.7:") + port));
    ASSERT_NE(found, nullptr) << port;
    EXPECT_EQ(found->first_port, 1024) << port;
  }
  for (const char* const port : {"0", "1023", "3072", "65535"}) {
    EXPECT_EQ(maps.followed_by(of_map("100.64.0.2:5000", std::string("203.0.113.7:") + port)),
              nullptr)
        << port;
  }
  EXPECT_NE(maps.followed_by(of_map("100.64.0.3:5000", "203.0.113.7:3072")), nullptr);
  EXPECT_EQ(maps.followed_by(of_map("100.64.0.3:5000", "203.0.113.7:2000")), nullptr);
  EXPECT_EQ(maps.followed_by(of_map("100.64.0.2:5000", "203.0.113.8:2000")), nullptr);
  EXPECT_EQ(maps.followed_by(of_map("100.64.0.2:5000", "203.0.113.7:2000", 17)), nullptr);
}

TEST(StaticMaps, AnEntryForAllProtocolsIsFollowedByEach) {
  const StaticMaps maps(
      {{"a", {map_entry("100.64.0.2", "203.0.113.7", 1024, 3071, kAnyProtocol)}}});
  for (const std::uint8_t protocol : std::initializer_list<std::uint8_t>{6, 17, 132}) {
    EXPECT_NE(maps.followed_by(of_map("100.64.0.2:5000", "203.0.113.7:2000", protocol)), nullptr);
  }
}

TEST(StaticMaps, NeitherDestinationNatNorZonesFollow) {
  const StaticMaps maps = two_hosts();
  Translation one = of_map("100.64.0.2:5000", "203.0.113.7:2000");
  one.zone = 1;
  EXPECT_EQ(maps.followed_by(one), nullptr);
  one.zone = 0;
  EXPECT_NE(maps.followed_by(one), nullptr);
  one.destination_nat = true;
  EXPECT_EQ(maps.followed_by(one), nullptr);
}

TEST(StaticMaps, LeavesOutAMapThatGivesAPortToTwoHosts) {
  const StaticMaps maps({{"shared",
                          {map_entry("100.64.0.2", "203.0.113.7", 1024, 3071),
                           map_entry("100.64.0.3", "203.0.113.7", 3071, 5119)}},
                         {"alone", {map_entry("100.64.0.4", "203.0.113.8", 1, 100)}}});
  EXPECT_THAT(maps.entries(), SizeIs(1));
  ASSERT_THAT(maps.left_out(), SizeIs(1));
  EXPECT_EQ(maps.left_out()[0],
            "shared is not static: 203.0.113.7:3071 belongs to two inside addresses");
}

TEST(StaticMaps, LeavesOutBothOfTwoMapsThatContradictEachOther) {
  const StaticMaps maps(
      {{"first", {map_entry("100.64.0.2", "203.0.113.7", 1024, 3071)}},
       {"second", {map_entry("100.64.0.3", "203.0.113.7", 2000, 2000, kAnyProtocol)}}});
  EXPECT_THAT(maps.entries(), IsEmpty());
  ASSERT_THAT(maps.left_out(), SizeIs(2));
  EXPECT_THAT(maps.left_out()[0], HasSubstr("together with second"));
}

TEST(StaticMaps, OneThatContradictsOnlyAMapThatIsLeftOutIsLeftOutToo) {
  const StaticMaps maps({{"first", {map_entry("100.64.0.2", "203.0.113.7", 1, 100)}},
                         {"second", {map_entry("100.64.0.3", "203.0.113.7", 50, 200)}},
                         {"third", {map_entry("100.64.0.4", "203.0.113.7", 150, 300)}},
                         {"udp", {map_entry("100.64.0.5", "203.0.113.7", 150, 300, 17)}},
                         {"other", {map_entry("100.64.0.6", "203.0.113.8", 150, 300)}}});
  EXPECT_THAT(maps.entries(), SizeIs(2));
  EXPECT_THAT(maps.left_out(), SizeIs(3));
}

TEST(StaticMaps, OtherProtocolsShareNothing) {
  const StaticMaps maps({{"tcp", {map_entry("100.64.0.2", "203.0.113.7", 1024, 3071, 6)}},
                         {"udp", {map_entry("100.64.0.3", "203.0.113.7", 1024, 3071, 17)}}});
  EXPECT_THAT(maps.entries(), SizeIs(2));
  EXPECT_THAT(maps.left_out(), IsEmpty());
}

/// What is found by hand, entry by entry and port by port.
const MapEntry* found_slowly(const StaticMaps& maps, const Translation& one) {
  for (const MapEntry& entry : maps.entries()) {
    if (entry.inside == one.inside.address && entry.public_address == one.public_end.address &&
        (entry.protocol == kAnyProtocol || entry.protocol == one.protocol) &&
        one.public_end.port >= entry.first_port && one.public_end.port <= entry.last_port) {
      return &entry;
    }
  }
  return nullptr;
}

TEST(StaticMaps, FindsWhatIsFoundEntryByEntry) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto number = [&](unsigned most) { return static_cast<unsigned>(random() % (most + 1)); };
  const std::int16_t protocols[] = {6, 17, kAnyProtocol};
  std::size_t kept = 0;
  std::size_t left_out = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<UsedMap> used(2);
    for (unsigned i = 0; i < 2 + number(6); ++i) {
      const auto first = static_cast<std::uint16_t>(number(60));
      used[number(1)].entries.push_back(map_entry(
          "100.64.0." + std::to_string(number(3)), "203.0.113." + std::to_string(number(1)), first,
          static_cast<std::uint16_t>(first + number(8)), protocols[number(2)]));
    }
    const StaticMaps maps(used);
    kept += maps.entries().empty() ? 0U : 1U;
    left_out += maps.left_out().empty() ? 0U : 1U;
    for (unsigned port = 0; port < 70; ++port) {
      for (const std::uint8_t protocol : std::initializer_list<std::uint8_t>{6, 17}) {
        for (unsigned address = 0; address < 2; ++address) {
          int hosts = 0;
          for (unsigned host = 0; host < 4; ++host) {
            const Translation one = of_map(
                "100.64.0." + std::to_string(host) + ":5",
                "203.0.113." + std::to_string(address) + ":" + std::to_string(port), protocol);
            const bool follows = maps.followed_by(one) != nullptr;
            hosts += follows ? 1 : 0;
            EXPECT_EQ(follows, found_slowly(maps, one) != nullptr)
                << "port " << port << " host " << host;
          }
          EXPECT_LE(hosts, 1) << "a port of two hosts: " << port;
        }
      }
    }
  }
  EXPECT_GT(kept, 20U);
  EXPECT_GT(left_out, 20U);
}

}  // namespace
}  // namespace ctflow::nat
