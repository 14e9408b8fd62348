// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/networks/prefix_map.hpp"

#include <gtest/gtest.h>

#include <random>

#include "support/text_address.hpp"

namespace ctflow {
namespace {

/// An address, or ADDRESS/LENGTH.
Network network_of(const std::string& text) {
  const std::size_t slash = text.find('/');
  const test::TextAddress address = test::text_address(text.substr(0, slash));
  const int whole = address.family == AddressFamily::kIpv4 ? 32 : 128;
  const int length = slash == std::string::npos ? whole : std::stoi(text.substr(slash + 1));
  return {address.family, address.address, static_cast<std::uint8_t>(length)};
}

std::uint16_t look_up(const PrefixMap& map, const std::string& address) {
  const Network one = network_of(address);
  return map.find(one.family, one.address);
}

TEST(PrefixMap, FindsTheLongestPrefix) {
  PrefixMap map;
  map.add(network_of("10.0.0.0/8"), 1);
  map.add(network_of("10.1.0.0/16"), 2);
  map.add(network_of("10.1.2.3"), 3);
  map.add(network_of("fd00::/8"), 4);
  map.add(network_of("fd00:1::/96"), 5);
  EXPECT_EQ(look_up(map, "10.2.0.1"), 1);
  EXPECT_EQ(look_up(map, "10.1.0.1"), 2);
  EXPECT_EQ(look_up(map, "10.1.2.3"), 3);
  EXPECT_EQ(look_up(map, "11.0.0.1"), 0);
  EXPECT_EQ(look_up(map, "fd12::1"), 4);
  EXPECT_EQ(look_up(map, "fd00:1::1234:5678"), 5);
  EXPECT_EQ(look_up(map, "fe80::1"), 0);
}

TEST(PrefixMap, SaysHowLongThePrefixIs) {
  PrefixMap map;
  map.add(network_of("0.0.0.0/0"), 1);
  map.add(network_of("10.1.2.3"), 2);
  map.add(network_of("fd00::/8"), 3);
  const auto length = [&](const std::string& address) {
    const Network one = network_of(address);
    return int{map.longest(one.family, one.address).length};
  };
  EXPECT_EQ(length("10.1.2.3"), 32);
  EXPECT_EQ(length("10.1.2.4"), 0);
  EXPECT_EQ(length("fd00::1"), 8);
  const Network none = network_of("fe80::1");
  EXPECT_EQ(map.longest(none.family, none.address).value, 0);
}

TEST(PrefixMap, TellsFamiliesApart) {
  PrefixMap map;
  map.add(network_of("0.0.0.0/0"), 1);
  EXPECT_EQ(look_up(map, "203.0.113.1"), 1);
  EXPECT_EQ(look_up(map, "2001:db8::1"), 0);
  map.add(network_of("::/0"), 2);
  EXPECT_EQ(look_up(map, "2001:db8::1"), 2);
  EXPECT_EQ(look_up(map, "203.0.113.1"), 1);
}

TEST(PrefixMap, TakesTheLastValueOfANetwork) {
  PrefixMap map;
  map.add(network_of("10.0.0.0/8"), 1);
  map.add(network_of("10.0.0.0/8"), 2);
  EXPECT_EQ(look_up(map, "10.0.0.1"), 2);
}

TEST(PrefixMap, TakesManyAsOneByOne) {
  PrefixMap map;
  map.add(network_of("10.0.0.0/8"), 9);
  map.add({{network_of("10.9.0.0/16"), 1},
           {network_of("fd00::/8"), 2},
           {network_of("10.1.0.0/16"), 3},
           {network_of("10.1.0.0/24"), 4},
           {network_of("10.9.0.0/16"), 5},
           {network_of("10.1.0.0"), 7}});
  EXPECT_EQ(look_up(map, "10.2.0.1"), 9);
  EXPECT_EQ(look_up(map, "10.9.0.1"), 5) << "the last value of a network counts";
  EXPECT_EQ(look_up(map, "10.1.1.1"), 3);
  EXPECT_EQ(look_up(map, "10.1.0.2"), 4);
  EXPECT_EQ(look_up(map, "10.1.0.0"), 7);
  EXPECT_EQ(look_up(map, "fd00::1"), 2);
}

bool is_in(const Network& network, const IpAddress& address) {
  for (unsigned bit = 0; bit < network.length; ++bit) {
    const unsigned mask = 0x80U >> bit % 8;
    if ((network.address.octets[bit / 8] & mask) != (address.octets[bit / 8] & mask)) return false;
  }
  return true;
}

TEST(PrefixMap, AgreesWithASearchBitByBit) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto address = [&] {
    IpAddress result;
    for (auto& octet : result.octets) octet = static_cast<std::uint8_t>(random() % 2 * 255);
    return result;
  };
  for (int round = 0; round < 20; ++round) {
    std::vector<Network> networks;
    PrefixMap map;
    for (std::uint16_t i = 0; i < 60; ++i) {
      networks.push_back(
          {AddressFamily::kIpv6, address(), static_cast<std::uint8_t>(random() % 20)});
      map.add(networks.back(), static_cast<std::uint16_t>(i + 1));
    }
    for (int i = 0; i < 200; ++i) {
      const IpAddress one = address();
      const Network* best = nullptr;
      for (const Network& network : networks) {
        if (is_in(network, one) && (best == nullptr || network.length > best->length)) {
          best = &network;
        }
      }
      const std::uint16_t found = map.find(AddressFamily::kIpv6, one);
      ASSERT_EQ(found == 0, best == nullptr);
      if (best != nullptr) {
        ASSERT_EQ(networks[found - 1U].length, best->length);
      }
      if (found != 0) {
        ASSERT_TRUE(is_in(networks[found - 1U], one));
      }
    }
  }
}

}  // namespace
}  // namespace ctflow
