// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/routing_state.hpp"

#include <gtest/gtest.h>

#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

using test::attribute;
using test::bytes_of;
using test::HopOptions;
using test::host;
using test::Octets;
using Kind = RouteAnswer::Kind;

class RoutingStateTest : public testing::Test {
 protected:
  RoutingStateTest() {
    link(1, "lo", {.loopback = true});
    link(2, "lan");
    link(3, "wan");
    link(4, "wan2");
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
      rule(0, RT_TABLE_LOCAL, {.family = family});
      rule(32766, RT_TABLE_MAIN, {.family = family});
      rule(32767, RT_TABLE_DEFAULT, {.family = family});
    }
  }

  Applied apply(const Octets& message) { return state_.apply(bytes_of(message)); }
  Applied link(std::uint32_t index, const std::string& name,
               const test::LinkOptions& options = {}) {
    return apply(test::link_message(index, name, options));
  }
  Applied route(const std::string& prefix, const std::vector<HopOptions>& hops,
                const test::RouteOptions& options = {}) {
    return apply(test::route_message(prefix, hops, options));
  }
  Applied rule(std::uint32_t priority, std::uint32_t table, const test::RuleOptions& options = {}) {
    return apply(test::rule_message(priority, table, options));
  }

  static RouteQuery query(const std::string& destination, const std::string& source = "") {
    RouteQuery made;
    made.family =
        test::family_number(destination) == AF_INET ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
    made.destination = test::key_of(destination);
    if (!source.empty()) made.source = test::key_of(source);
    return made;
  }
  RouteAnswer ask(const std::string& destination, const std::string& source = "") {
    return state_.route(query(destination, source));
  }
  std::uint32_t interface(const std::string& destination, const std::string& source = "") {
    return ask(destination, source).interface;
  }

  RoutingState state_;
};

TEST_F(RoutingStateTest, TellsInterfaceGatewayLengthAndTableOfTheLongestPrefix) {
  route("0.0.0.0/0", {{3, "192.0.2.1"}});
  route("10.1.0.0/16", {{2, ""}});
  const RouteAnswer far = ask("198.51.100.7");
  EXPECT_EQ(far.kind, Kind::kForward);
  EXPECT_EQ(far.interface, 3U);
  EXPECT_EQ(far.gateway, test::address_of("192.0.2.1"));
  EXPECT_EQ(far.gateway_family, AddressFamily::kIpv4);
  EXPECT_EQ(far.length, 0);
  EXPECT_EQ(far.table, std::uint32_t{RT_TABLE_MAIN});
  const RouteAnswer near = ask("10.1.2.3");
  EXPECT_EQ(near.interface, 2U);
  EXPECT_EQ(near.gateway, IpAddress{});
  EXPECT_EQ(near.length, 16);
  EXPECT_EQ(ask("2001:db8::1").kind, Kind::kNone);
}

TEST_F(RoutingStateTest, KnowsAddressesOfThisHostAndBroadcasts) {
  route("10.1.0.1/32", {{2, ""}}, {.table = RT_TABLE_LOCAL, .type = RTN_LOCAL});
  route("10.1.255.255/32", {{2, ""}}, {.table = RT_TABLE_LOCAL, .type = RTN_BROADCAST});
  EXPECT_EQ(ask("10.1.0.1").kind, Kind::kLocal);
  EXPECT_EQ(ask("10.1.0.1").interface, 2U);
  EXPECT_EQ(ask("10.1.255.255").kind, Kind::kGroup);
}

TEST_F(RoutingStateTest, HasNoRouteForAHostWithoutAddress) {
  route("0.0.0.0/0", {{3, ""}});
  EXPECT_EQ(ask("0.0.0.0").kind, Kind::kNone);
}

TEST_F(RoutingStateTest, TakesTheLowestMetricWhateverTheOrder) {
  route("10.0.0.0/8", {{3, ""}}, {.metric = 20});
  route("10.0.0.0/8", {{2, ""}}, {.metric = 10});
  route("10.0.0.0/8", {{4, ""}}, {.metric = 30});
  EXPECT_EQ(interface("10.0.0.1"), 2U);
  EXPECT_EQ(state_.routes(), 3U);
  EXPECT_EQ(route("10.0.0.0/8", {{2, ""}}, {.metric = 10, .removed = true}), Applied::kChanged);
  EXPECT_EQ(interface("10.0.0.1"), 3U);
}

TEST_F(RoutingStateTest, ReplacesARouteWhenTheKernelDid) {
  route("10.0.0.0/8", {{2, ""}});
  route("10.0.0.0/8", {{3, ""}}, {.flags = NLM_F_REPLACE});
  EXPECT_EQ(state_.routes(), 1U);
  EXPECT_EQ(interface("10.0.0.1"), 3U);
}

TEST_F(RoutingStateTest, PutsAnEqualRouteInFrontUnlessItWasAppended) {
  route("10.0.0.0/8", {{2, ""}});
  route("10.0.0.0/8", {{3, ""}}, {.flags = NLM_F_APPEND});
  EXPECT_EQ(interface("10.0.0.1"), 2U);
  route("10.0.0.0/8", {{4, ""}});
  EXPECT_EQ(interface("10.0.0.1"), 4U);
}

TEST_F(RoutingStateTest, AppliesAMessageTwiceWithoutHarm) {
  for (int i = 0; i < 2; ++i) route("10.0.0.0/8", {{2, ""}});
  EXPECT_EQ(state_.routes(), 1U);
  EXPECT_EQ(route("10.0.0.0/8", {{2, ""}}, {.removed = true}), Applied::kChanged);
  EXPECT_EQ(route("10.0.0.0/8", {{2, ""}}, {.removed = true}), Applied::kUnknown);
  EXPECT_EQ(state_.routes(), 0U);
}

TEST_F(RoutingStateTest, PassesOverRoutesForATypeOfService) {
  route("10.0.0.0/8", {{3, ""}}, {.tos = 0x10});
  EXPECT_EQ(ask("10.0.0.1").kind, Kind::kNone);
  route("10.0.0.0/8", {{2, ""}});
  EXPECT_EQ(interface("10.0.0.1"), 2U);
}

TEST_F(RoutingStateTest, DoesNotRouteThroughAnInterfaceThatIsDown) {
  route("0.0.0.0/0", {{3, ""}});
  route("10.0.0.0/8", {{2, ""}});
  EXPECT_EQ(link(2, "lan", {.up = false}), Applied::kStale);
  EXPECT_EQ(interface("10.0.0.1"), 3U);
  EXPECT_EQ(link(2, "lan"), Applied::kChanged);
  EXPECT_EQ(interface("10.0.0.1"), 3U) << "the kernel has dropped it";
  route("10.0.0.0/8", {{2, ""}});
  EXPECT_EQ(interface("10.0.0.1"), 2U);
  EXPECT_EQ(link(2, "lan", {.removed = true}), Applied::kStale);
  EXPECT_EQ(interface("10.0.0.1"), 3U);
  EXPECT_EQ(link(2, "lan", {.removed = true}), Applied::kUnknown);
}

TEST_F(RoutingStateTest, DoesNotGuessBetweenInterfacesOfOneRoute) {
  route("10.0.0.0/8", {{3, "192.0.2.1"}, {4, "198.51.100.1"}});
  EXPECT_EQ(ask("10.0.0.1").kind, Kind::kForward);
  EXPECT_EQ(interface("10.0.0.1"), 0U);
  EXPECT_EQ(ask("10.0.0.1").gateway, IpAddress{});
  link(4, "wan2", {.up = false});
  EXPECT_EQ(interface("10.0.0.1"), 3U);
  route("11.0.0.0/8", {{3, "192.0.2.1"}, {3, "192.0.2.2"}});
  EXPECT_EQ(interface("11.0.0.1"), 3U);
  EXPECT_EQ(ask("11.0.0.1").gateway, IpAddress{});
}

TEST_F(RoutingStateTest, FollowsNexthopObjectsAndTheirGroups) {
  route("10.0.0.0/8", {}, {.nexthop_id = 1});
  EXPECT_EQ(ask("10.0.0.1").kind, Kind::kNone);
  apply(test::nexthop_message(1, {3, "192.0.2.1"}));
  EXPECT_EQ(interface("10.0.0.1"), 3U);
  EXPECT_EQ(ask("10.0.0.1").gateway, test::address_of("192.0.2.1"));
  apply(test::nexthop_message(1, {4, "198.51.100.1"}));
  EXPECT_EQ(interface("10.0.0.1"), 4U);
  apply(test::nexthop_message(2, {3, ""}));
  apply(test::nexthop_message(9, {}, {.group = {1, 2}}));
  route("11.0.0.0/8", {}, {.nexthop_id = 9});
  EXPECT_EQ(interface("11.0.0.1"), 0U);
  EXPECT_EQ(apply(test::nexthop_message(2, {}, {.removed = true})), Applied::kStale);
  EXPECT_EQ(interface("11.0.0.1"), 4U);
  apply(test::nexthop_message(3, {}, {.blackhole = true}));
  route("12.0.0.0/8", {}, {.nexthop_id = 3});
  EXPECT_EQ(ask("12.0.0.1").kind, Kind::kNone);
}

TEST_F(RoutingStateTest, RefusesWhatTheRouteRefusesAndGoesOnBehindAThrow) {
  route("0.0.0.0/0", {{3, ""}});
  for (const std::uint8_t type : {RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT}) {
    route("10.0.0.0/8", {}, {.type = type});
    EXPECT_EQ(ask("10.0.0.1").kind, Kind::kNone) << int{type};
    route("10.0.0.0/8", {}, {.type = type, .removed = true});
  }
  EXPECT_EQ(interface("10.0.0.1"), 3U);
  route("10.0.0.0/8", {}, {.type = RTN_THROW});
  route("10.0.0.0/8", {{4, ""}}, {.table = RT_TABLE_DEFAULT});
  EXPECT_EQ(interface("10.0.0.1"), 4U);
}

TEST_F(RoutingStateTest, SuppressesShortPrefixes) {
  rule(100, RT_TABLE_MAIN, {.more = attribute(FRA_SUPPRESS_PREFIXLEN, host(std::int32_t{0}))});
  rule(200, 51820);
  route("0.0.0.0/0", {{3, ""}});
  route("10.0.0.0/8", {{2, ""}});
  route("0.0.0.0/0", {{4, ""}}, {.table = 51820});
  EXPECT_EQ(interface("10.0.0.1"), 2U);
  EXPECT_EQ(interface("192.0.2.9"), 4U);
}

TEST_F(RoutingStateTest, SuppressesInterfacesOfAGroup) {
  link(4, "wan2", {.group = 5});
  rule(100, 100, {.more = attribute(FRA_SUPPRESS_IFGROUP, host(std::int32_t{5}))});
  route("0.0.0.0/0", {{4, ""}}, {.table = 100});
  route("0.0.0.0/0", {{3, ""}});
  EXPECT_EQ(interface("192.0.2.9"), 3U);
  link(4, "wan2", {.group = 6});
  EXPECT_EQ(interface("192.0.2.9"), 4U);
}

TEST_F(RoutingStateTest, AsksTheTableOfThePacketsVrf) {
  link(10, "red", {.vrf_table = 1000});
  link(5, "red-lan", {.master = 10});
  rule(1000, 0, {.more = attribute(FRA_L3MDEV, {1})});
  route("10.0.0.0/8", {{5, ""}}, {.table = 1000});
  route("10.0.0.0/8", {{2, ""}});
  EXPECT_EQ(interface("10.0.0.1"), 2U);
  RouteQuery within = query("10.0.0.1");
  within.vrf_table = 1000;
  EXPECT_EQ(state_.route(within).interface, 5U);
  EXPECT_EQ(state_.route(within).table, 1000U);
  ASSERT_NE(state_.vrf_of(5), nullptr);
  EXPECT_EQ(state_.vrf_of(5)->index, 10U);
  EXPECT_EQ(state_.vrf_of(10)->index, 10U);
  EXPECT_EQ(state_.vrf_of(2), nullptr);
  EXPECT_EQ(state_.vrfs().size(), 1U);
}

TEST_F(RoutingStateTest, GrowsAndShrinksIpv6RoutesByTheirHops) {
  route("2001:db8::/32", {{3, "fe80::1"}}, {.metric = 1024});
  route("2001:db8::/32", {{3, "fe80::1"}, {4, "fe80::2"}}, {.metric = 1024, .flags = NLM_F_APPEND});
  EXPECT_EQ(state_.routes(), 1U);
  EXPECT_EQ(interface("2001:db8::1"), 0U);
  EXPECT_EQ(route("2001:db8::/32", {{3, "fe80::1"}}, {.metric = 1024, .removed = true}),
            Applied::kChanged);
  EXPECT_EQ(interface("2001:db8::1"), 4U);
  EXPECT_EQ(route("2001:db8::/32", {{4, "fe80::2"}}, {.metric = 1024, .removed = true}),
            Applied::kChanged);
  EXPECT_EQ(state_.routes(), 0U);
}

TEST_F(RoutingStateTest, DoesNotGuessBetweenEqualIpv6Routes) {
  route("fe80::/64", {{2, ""}}, {.metric = 256});
  EXPECT_EQ(interface("fe80::5"), 2U);
  route("fe80::/64", {{3, ""}}, {.metric = 256});
  EXPECT_EQ(interface("fe80::5"), 0U);
  route("::/0", {{3, "fe80::1"}}, {.metric = 1024, .preference = 0});
  route("::/0", {{4, "fe80::2"}}, {.metric = 1024, .preference = 1});
  EXPECT_EQ(interface("2001:db8::1"), 4U) << "the router that prefers itself";
}

TEST_F(RoutingStateTest, ChoosesIpv6RoutesByTheirSource) {
  route("::/0", {{3, "fe80::1"}}, {.metric = 512, .source = "2001:db8:a::/48"});
  route("::/0", {{4, "fe80::2"}}, {.metric = 512, .source = "2001:db8:b::/48"});
  EXPECT_EQ(interface("2001:db8:f::1", "2001:db8:a::5"), 3U);
  EXPECT_EQ(interface("2001:db8:f::1", "2001:db8:b::5"), 4U);
  EXPECT_EQ(ask("2001:db8:f::1", "2001:db8:c::5").kind, Kind::kNone);
  route("::/0", {{2, "fe80::3"}}, {.metric = 1});
  EXPECT_EQ(interface("2001:db8:f::1", "2001:db8:a::5"), 3U) << "the nearer source, not the metric";
  EXPECT_EQ(interface("2001:db8:f::1", "2001:db8:c::5"), 2U);
  link(3, "wan", {.up = false});
  EXPECT_EQ(interface("2001:db8:f::1", "2001:db8:a::5"), 2U);
}

TEST_F(RoutingStateTest, TellsGatewaysOfTheOtherFamilyAsSuch) {
  route("10.0.0.0/8", {{3, "fe80::1"}});
  EXPECT_EQ(ask("10.0.0.1").gateway_family, AddressFamily::kIpv6);
}

TEST_F(RoutingStateTest, SaysThatRoutesMayHaveGoneWithAnAddress) {
  EXPECT_EQ(apply(test::address_message("192.0.2.2", 3)), Applied::kChanged);
  EXPECT_EQ(apply(test::address_message("192.0.2.2", 3)), Applied::kNothing);
  EXPECT_EQ(state_.addresses(), 1U);
  EXPECT_EQ(apply(test::address_message("192.0.2.2", 3, {.removed = true})), Applied::kStale);
  EXPECT_EQ(apply(test::address_message("2001:db8::1", 3, {.removed = true})), Applied::kUnknown);
}

TEST_F(RoutingStateTest, DropsMalformedMessagesWhole) {
  EXPECT_EQ(apply(Octets(3)), Applied::kMalformed);
  EXPECT_EQ(apply(test::netlink_message(RTM_NEWROUTE, Octets(11))), Applied::kMalformed);
  EXPECT_EQ(apply(test::netlink_message(RTM_NEWLINK, {})), Applied::kMalformed);
  EXPECT_EQ(apply(test::netlink_message(RTM_NEWNEXTHOP, {})), Applied::kMalformed);
  EXPECT_EQ(apply(test::netlink_message(RTM_NEWRULE, {})), Applied::kMalformed);
  EXPECT_EQ(apply(test::netlink_message(RTM_NEWADDR, Octets(8))), Applied::kNothing);
  EXPECT_EQ(apply(test::netlink_message(RTM_NEWADDR, {AF_INET, 24, 0, 0, 1, 0, 0, 0})),
            Applied::kMalformed);
  EXPECT_EQ(apply(test::netlink_message(RTM_NEWNEIGH, {})), Applied::kNothing);
}

}  // namespace
}  // namespace ctflow
