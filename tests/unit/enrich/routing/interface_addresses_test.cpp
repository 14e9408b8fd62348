// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/interface_addresses.hpp"

#include <gtest/gtest.h>

#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

InterfaceAddress on(std::uint32_t interface, const std::string& text = "192.0.2.1") {
  const IpAddress address = test::address_of(text);
  return {AddressFamily::kIpv4, 24, interface, address, address};
}

class InterfaceAddressesTest : public testing::Test {
 protected:
  [[nodiscard]] std::uint32_t owner(RoutingTime time = kNow) const {
    return addresses_.owner(AddressFamily::kIpv4, test::address_of("192.0.2.1"), time).interface;
  }

  InterfaceAddresses addresses_;
};

TEST_F(InterfaceAddressesTest, FollowAnAddressThatMoves) {
  EXPECT_EQ(owner(), 0U);
  EXPECT_TRUE(addresses_.add(on(3), kAlways));
  EXPECT_FALSE(addresses_.add(on(3), 50));
  EXPECT_TRUE(addresses_.remove(on(3), 100));
  EXPECT_FALSE(addresses_.remove(on(3), 100));
  EXPECT_TRUE(addresses_.add(on(4), 200));
  EXPECT_EQ(owner(99), 3U);
  EXPECT_EQ(owner(150), 3U) << "who had it last";
  EXPECT_EQ(addresses_.owner(AddressFamily::kIpv4, test::address_of("192.0.2.1"), 150).until, 100);
  EXPECT_EQ(owner(200), 4U);
  EXPECT_EQ(owner(), 4U);
  EXPECT_EQ(addresses_.size(), 1U);
}

TEST_F(InterfaceAddressesTest, NameNoInterfaceOfSeveral) {
  addresses_.add(on(3), kAlways);
  addresses_.add(on(4), 100);
  EXPECT_EQ(owner(99), 3U);
  EXPECT_EQ(owner(), 0U);
  addresses_.remove(on(3), 200);
  EXPECT_EQ(owner(), 4U);
  EXPECT_EQ(owner(150), 0U);
}

TEST_F(InterfaceAddressesTest, KeepTheSameAddressWithTwoLengthsTwice) {
  InterfaceAddress wide = on(3);
  wide.length = 16;
  addresses_.add(on(3), kAlways);
  addresses_.add(wide, kAlways);
  EXPECT_EQ(addresses_.size(), 2U);
  addresses_.remove(wide, 100);
  EXPECT_EQ(addresses_.owner(AddressFamily::kIpv4, wide.address, 200).until, kNever);
  EXPECT_EQ(owner(200), 3U);
}

TEST_F(InterfaceAddressesTest, GoWithTheirInterface) {
  addresses_.add(on(3), kAlways);
  addresses_.add(on(3, "192.0.2.9"), kAlways);
  addresses_.add(on(4, "192.0.2.10"), kAlways);
  addresses_.remove_all(3, 100);
  EXPECT_EQ(addresses_.size(), 1U);
  EXPECT_EQ(owner(99), 3U);
}

TEST_F(InterfaceAddressesTest, AreForgottenInTime) {
  addresses_.add(on(3), kAlways);
  addresses_.remove(on(3), 100);
  addresses_.add(on(5, "192.0.2.9"), 100 + kRemembered);
  EXPECT_EQ(owner(), 0U);
  EXPECT_EQ(addresses_.forgotten(), 0U);
}

TEST_F(InterfaceAddressesTest, StayFewWhenOneComesAndGoesAThousandTimes) {
  constexpr int kTimes = 1000;
  for (RoutingTime i = 1; i <= kTimes; ++i) {
    addresses_.add(on(3), 2 * i);
    addresses_.remove(on(3), 2 * i + 1);
  }
  EXPECT_EQ(owner(), 3U);
  EXPECT_EQ(addresses_.forgotten(), kTimes - InterfaceAddresses::kOfOneAddress);
}

TEST_F(InterfaceAddressesTest, TakeOverWhatOlderOnesRemember) {
  InterfaceAddresses older;
  older.add(on(3), kAlways);
  older.remove(on(3), 100);
  older.add(on(4), 100);
  addresses_.add(on(5), kAlways);
  addresses_.inherit(older, 300);
  EXPECT_EQ(owner(99), 0U) << "that of 5 is not known to be new";
  addresses_ = {};
  addresses_.add(on(4), kAlways);
  addresses_.inherit(older, 300);
  EXPECT_EQ(owner(99), 3U);
  EXPECT_EQ(owner(100), 4U);
  EXPECT_EQ(owner(), 4U);
}

}  // namespace
}  // namespace ctflow
