// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/host_networks.hpp"

#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstddef>
#include <memory>

#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

using test::bytes_of;

class HostNetworksTest : public testing::Test {
 protected:
  void apply(const test::Octets& message) { networks_.apply(bytes_of(message)); }

  HostNetworks networks_;
};

TEST_F(HostNetworksTest, HasAddressesWithTheirNetworks) {
  apply(test::address_message("192.0.2.1", 7));
  apply(test::address_message("2001:db8::1", 8, {.length = 64}));
  ASSERT_EQ(networks_.addresses().size(), 2U);
  EXPECT_EQ(networks_.addresses()[0].address, test::address_of("192.0.2.1"));
  EXPECT_EQ(networks_.addresses()[0].length, 24);
  EXPECT_EQ(networks_.addresses()[1].address, test::address_of("2001:db8::1"));
  EXPECT_EQ(networks_.addresses()[1].interface, 8U);
}

TEST_F(HostNetworksTest, KnowsLoopback) {
  apply(test::link_message(1, "lo", {.loopback = true}));
  apply(test::link_message(2, "eth0"));
  EXPECT_TRUE(networks_.is_loopback(1));
  EXPECT_FALSE(networks_.is_loopback(2));
}

TEST_F(HostNetworksTest, KnowsAllInterfacesOfDefaultRoutes) {
  apply(test::route_message("0.0.0.0/0", {{2, "192.0.2.1"}, {3, "198.51.100.1"}}));
  apply(test::route_message("::/0", {{4, "fe80::1"}}));
  apply(test::route_message("10.0.0.0/8", {{5, "192.0.2.9"}}));
  for (const std::uint32_t outside : {2U, 3U, 4U}) {
    EXPECT_TRUE(networks_.has_default_route(outside)) << outside;
  }
  EXPECT_FALSE(networks_.has_default_route(5));
  EXPECT_FALSE(networks_.needs_nexthops());
}

TEST_F(HostNetworksTest, TakesDefaultRoutesOfIpv4FromTheMainTableAlone) {
  apply(test::route_message("0.0.0.0/0", {{2, "192.0.2.1"}}, {.table = 100}));
  apply(test::route_message("::/0", {{3, "fe80::1"}}, {.table = 100}));
  EXPECT_FALSE(networks_.has_default_route(2));
  EXPECT_TRUE(networks_.has_default_route(3));
}

TEST_F(HostNetworksTest, FollowsNexthopObjectsAndTheirGroups) {
  apply(test::route_message("0.0.0.0/0", {}, {.nexthop_id = 10}));
  apply(test::route_message("::/0", {}, {.nexthop_id = 20}));
  EXPECT_TRUE(networks_.needs_nexthops());
  EXPECT_FALSE(networks_.has_default_route(2)) << "not read yet";
  apply(test::nexthop_message(1, {2, "192.0.2.1"}));
  apply(test::nexthop_message(2, {3, "198.51.100.1"}));
  apply(test::nexthop_message(3, {4, "203.0.113.1"}));
  apply(test::nexthop_message(10, {}, {.group = {1, 2}}));
  apply(test::nexthop_message(20, {5, "fe80::1"}));
  for (const std::uint32_t outside : {2U, 3U, 5U}) {
    EXPECT_TRUE(networks_.has_default_route(outside)) << outside;
  }
  EXPECT_FALSE(networks_.has_default_route(4)) << "of no default route";
}

TEST_F(HostNetworksTest, LeavesOutWhatIsMalformed) {
  apply(test::netlink_message(RTM_NEWADDR, {AF_INET, 24, 0, 0}));
  apply(test::netlink_message(RTM_NEWROUTE, {AF_INET, 0}));
  apply(test::netlink_message(RTM_NEWLINK, {}));
  apply(test::netlink_message(RTM_NEWNEXTHOP, {AF_INET}));
  EXPECT_TRUE(networks_.addresses().empty());
  EXPECT_FALSE(networks_.has_default_route(0));
}

struct Counted {
  std::size_t all = 0;
  std::size_t of_loopback = 0;
};

/// By getifaddrs(3), which reads the same otherwise.
Counted counted_by_the_library() {
  ifaddrs* first = nullptr;
  EXPECT_EQ(getifaddrs(&first), 0);
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(first, freeifaddrs);
  Counted counted;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const auto family = one->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    ++counted.all;
    if ((one->ifa_flags & IFF_LOOPBACK) != 0) ++counted.of_loopback;
  }
  return counted;
}

TEST(HostNetworks, AreReadOfThisHost) {
  const HostNetworks found = read_host_networks();
  EXPECT_EQ(read_host_addresses().addresses(), found.addresses());
  Counted counted;
  for (const InterfaceAddress& one : found.addresses()) {
    ++counted.all;
    if (found.is_loopback(one.interface)) ++counted.of_loopback;
  }
  const Counted expected = counted_by_the_library();
  EXPECT_EQ(counted.all, expected.all);
  EXPECT_EQ(counted.of_loopback, expected.of_loopback);
}

}  // namespace
}  // namespace ctflow
