// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/routing_message.hpp"

#include <gtest/gtest.h>

#include <random>

#include "enrich/routing/routing_state.hpp"
#include "support/rounds.hpp"
#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

using test::append;
using test::attribute;
using test::bytes_of;
using test::host;
using test::Octets;

TEST(DecodeLink, ReadsNameFlagsMasterAndVrf) {
  Link link;
  const Octets message =
      test::link_message(7, "red", {.up = true, .master = 3, .group = 9, .vrf_table = 1000});
  ASSERT_EQ(decode_link(bytes_of(message), link), Decoded::kYes);
  EXPECT_EQ(link.index, 7U);
  EXPECT_STREQ(link.name.data(), "red");
  EXPECT_EQ(link.master, 3U);
  EXPECT_EQ(link.group, 9U);
  EXPECT_EQ(link.vrf_table, 1000U);
  EXPECT_TRUE(link.up);
  EXPECT_FALSE(link.loopback);
}

TEST(DecodeLink, IgnoresWhatBridgesSayOfTheirPorts) {
  Link link;
  EXPECT_EQ(decode_link(bytes_of(test::link_message(7, "eth0", {.family = AF_BRIDGE})), link),
            Decoded::kIgnored);
}

TEST(DecodeLink, TakesTheLongestNameAndRefusesALongerOne) {
  Link link;
  const Octets longest = test::link_message(7, std::string(15, 'x'));
  ASSERT_EQ(decode_link(bytes_of(longest), link), Decoded::kYes);
  EXPECT_EQ(std::string(link.name.data()), std::string(15, 'x'));
  const Octets longer = test::link_message(7, std::string(16, 'x'));
  EXPECT_EQ(decode_link(bytes_of(longer), link), Decoded::kMalformed);
  EXPECT_EQ(decode_link(bytes_of(test::link_message(7, "")), link), Decoded::kMalformed);
}

TEST(DecodeRoute, ReadsASingleWay) {
  RouteMessage route;
  const Octets message =
      test::route_message("10.1.2.0/23", {{4, "192.0.2.1"}}, {.table = 70000, .metric = 50});
  ASSERT_EQ(decode_route(bytes_of(message), route), Decoded::kYes);
  EXPECT_EQ(route.family, AddressFamily::kIpv4);
  EXPECT_EQ(route.table, 70000U);
  EXPECT_EQ(route.destination, (Prefix{test::key_of("10.1.2.0"), 23}));
  EXPECT_EQ(route.route.metric, 50U);
  ASSERT_EQ(route.route.hops.size(), 1U);
  EXPECT_EQ(route.route.hops[0], (Hop{test::address_of("192.0.2.1"), AddressFamily::kIpv4, 4}));
  EXPECT_FALSE(route.replaces || route.appends);
}

TEST(DecodeRoute, ReadsSeveralWaysAndAGatewayOfTheOtherFamily) {
  RouteMessage route;
  const Octets message = test::route_message(
      "10.0.0.0/8", {{4, "192.0.2.1"}, {5, ""}, {6, "fe80::1"}}, {.flags = NLM_F_REPLACE});
  ASSERT_EQ(decode_route(bytes_of(message), route), Decoded::kYes);
  ASSERT_EQ(route.route.hops.size(), 3U);
  EXPECT_EQ(route.route.hops[1], (Hop{{}, AddressFamily::kNone, 5}));
  EXPECT_EQ(route.route.hops[2], (Hop{test::address_of("fe80::1"), AddressFamily::kIpv6, 6}));
  EXPECT_TRUE(route.replaces);
}

TEST(DecodeRoute, TakesTheObjectInsteadOfTheWaysItRepeats) {
  RouteMessage route;
  const Octets message = test::route_message("10.0.0.0/8", {{4, "192.0.2.1"}}, {.nexthop_id = 12});
  ASSERT_EQ(decode_route(bytes_of(message), route), Decoded::kYes);
  EXPECT_EQ(route.route.nexthop_id, 12U);
  EXPECT_TRUE(route.route.hops.empty());
}

TEST(DecodeRoute, OrdersIpv6RoutersByPreference) {
  const auto order = [](int preference) {
    RouteMessage route;
    const Octets message =
        test::route_message("::/0", {{4, "fe80::1"}}, {.preference = preference});
    EXPECT_EQ(decode_route(bytes_of(message), route), Decoded::kYes);
    return int{route.route.order};
  };
  EXPECT_LT(order(1), order(0));
  EXPECT_LT(order(0), order(3));
  EXPECT_EQ(order(0), order(-1));
}

TEST(DecodeRoute, ReadsTheSourceOfIpv6Routes) {
  RouteMessage route;
  const Octets message =
      test::route_message("::/0", {{4, "fe80::1"}}, {.source = "2001:db8:5::/48"});
  ASSERT_EQ(decode_route(bytes_of(message), route), Decoded::kYes);
  EXPECT_EQ(route.route.source, (Prefix{test::key_of("2001:db8:5::"), 48}));
}

TEST(DecodeRoute, IgnoresRememberedDestinationsAndOtherFamilies) {
  RouteMessage route;
  EXPECT_EQ(decode_route(bytes_of(test::route_message("10.0.0.0/8", {{4, ""}},
                                                      {.route_flags = RTM_F_CLONED})),
                         route),
            Decoded::kIgnored);
  Octets multicast = test::route_message("10.0.0.0/8", {{4, ""}});
  multicast[sizeof(nlmsghdr)] = RTNL_FAMILY_IPMR;
  EXPECT_EQ(decode_route(bytes_of(multicast), route), Decoded::kIgnored);
}

TEST(DecodeRoute, RefusesAPrefixLongerThanAnAddress) {
  RouteMessage route;
  EXPECT_EQ(decode_route(bytes_of(test::route_message("10.0.0.0/33", {{4, ""}})), route),
            Decoded::kMalformed);
  EXPECT_EQ(decode_route(bytes_of(test::route_message("::/129", {{4, ""}})), route),
            Decoded::kMalformed);
  EXPECT_EQ(
      decode_route(bytes_of(test::route_message("::/0", {{4, ""}}, {.source = "::/129"})), route),
      Decoded::kMalformed);
}

TEST(DecodeRoute, RefusesAnAddressOfAnotherLength) {
  for (const std::size_t length : {0U, 3U, 5U, 16U}) {
    Octets body{AF_INET, 8, 0, 0, RT_TABLE_MAIN, 3, 0, RTN_UNICAST, 0, 0, 0, 0};
    append(body, attribute(RTA_DST, Octets(length)));
    RouteMessage route;
    EXPECT_EQ(decode_route(bytes_of(test::netlink_message(RTM_NEWROUTE, body)), route),
              Decoded::kMalformed)
        << length;
  }
}

TEST(DecodeRoute, RefusesWaysThatLieAboutTheirLength) {
  for (const unsigned length : {0U, 7U, 9U, 60U, 65535U}) {
    Octets way = host(static_cast<std::uint16_t>(length));
    append(way, {0, 0, 4, 0, 0, 0});
    Octets body{AF_INET, 0, 0, 0, RT_TABLE_MAIN, 3, 0, RTN_UNICAST, 0, 0, 0, 0};
    append(body, attribute(RTA_MULTIPATH, way));
    RouteMessage route;
    EXPECT_EQ(decode_route(bytes_of(test::netlink_message(RTM_NEWROUTE, body)), route),
              Decoded::kMalformed)
        << length;
  }
}

TEST(DecodeRoute, TellsIpv4RoutesApartThatTheKernelKeepsSideBySide) {
  const auto decoded = [](const test::RouteOptions& options, const std::string& prefix) {
    RouteMessage route;
    const std::string gateway = prefix == "10.0.0.0/8" ? "192.0.2.1" : "fe80::1";
    EXPECT_EQ(decode_route(bytes_of(test::route_message(prefix, {{4, gateway}}, options)), route),
              Decoded::kYes);
    return route.route;
  };
  const Route plain = decoded({}, "10.0.0.0/8");
  EXPECT_EQ(decoded({.removed = true}, "10.0.0.0/8"), plain);
  EXPECT_NE(decoded({.protocol = 4}, "10.0.0.0/8"), plain);
  EXPECT_NE(decoded({.preferred_source = "10.0.0.1"}, "10.0.0.0/8"), plain);
  EXPECT_EQ(decoded({.protocol = 4}, "2001:db8::/32"), decoded({}, "2001:db8::/32"));
}

TEST(DecodeLink, KnowsItsCarrier) {
  Link link;
  ASSERT_EQ(decode_link(bytes_of(test::link_message(4, "wan")), link), Decoded::kYes);
  EXPECT_TRUE(link.carrier);
  ASSERT_EQ(decode_link(bytes_of(test::link_message(4, "wan", {.carrier = false})), link),
            Decoded::kYes);
  EXPECT_TRUE(link.up);
  EXPECT_FALSE(link.carrier);
}

TEST(DecodeNexthop, ReadsWaysGroupsAndBlackholes) {
  Nexthop nexthop;
  ASSERT_EQ(decode_nexthop(bytes_of(test::nexthop_message(5, {4, "192.0.2.1"})), nexthop),
            Decoded::kYes);
  EXPECT_EQ(nexthop.id, 5U);
  EXPECT_EQ(nexthop.hop, (Hop{test::address_of("192.0.2.1"), AddressFamily::kIpv4, 4}));
  ASSERT_EQ(decode_nexthop(bytes_of(test::nexthop_message(6, {}, {.group = {5, 9}})), nexthop),
            Decoded::kYes);
  EXPECT_EQ(nexthop.group, (std::vector<std::uint32_t>{5, 9}));
  EXPECT_EQ(nexthop.hop, Hop{});
  ASSERT_EQ(decode_nexthop(bytes_of(test::nexthop_message(7, {}, {.blackhole = true})), nexthop),
            Decoded::kYes);
  EXPECT_TRUE(nexthop.blackhole && nexthop.group.empty());
}

TEST(DecodeNexthop, RefusesAGroupOfBrokenMembersAndAnObjectWithoutId) {
  Octets body{AF_INET, 0, 0, 0, 0, 0, 0, 0};
  Nexthop nexthop;
  EXPECT_EQ(decode_nexthop(bytes_of(test::netlink_message(RTM_NEWNEXTHOP, body)), nexthop),
            Decoded::kMalformed);
  append(body, attribute(NHA_ID, host(std::uint32_t{1})));
  append(body, attribute(NHA_GROUP, Octets(9)));
  EXPECT_EQ(decode_nexthop(bytes_of(test::netlink_message(RTM_NEWNEXTHOP, body)), nexthop),
            Decoded::kMalformed);
}

/// One message of each kind with every attribute there is.
std::vector<Octets> whole_messages() {
  Octets more = attribute(FRA_IIFNAME, test::text("lan"));
  append(more, attribute(FRA_FWMARK, host(std::uint32_t{1})));
  append(more, attribute(FRA_GOTO, host(std::uint32_t{100})));
  append(more, attribute(FRA_L3MDEV, {1}));
  append(more, attribute(FRA_SPORT_RANGE, Octets(4)));
  return {test::link_message(7, "red", {.master = 3, .vrf_table = 1000}),
          test::address_message("192.0.2.1", 7, {.peer = "192.0.2.2"}),
          test::route_message("10.1.2.0/23", {{4, "192.0.2.1"}, {5, "fe80::1"}}, {.metric = 5}),
          test::route_message("2001:db8::/32", {{4, "fe80::1"}},
                              {.source = "2001:db8::/48", .preference = 1}),
          test::nexthop_message(5, {4, "192.0.2.1"}, {.group = {1, 2, 3}}),
          test::rule_message(1, 2,
                             {.source = "10.0.0.0/8", .destination = "10.1.0.0/16", .more = more})};
}

TEST(RoutingMessages, AreReadWithinTheirBoundsHoweverTheyAreDamaged) {
  std::mt19937 random(5);
  RoutingState state;
  std::size_t malformed = 0;
  for (const Octets& whole : whole_messages()) {
    // The vector is exactly as long as the message, so a sanitizer sees a step beyond it.
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      if (state.apply(bytes_of(cut)) == Applied::kMalformed) ++malformed;
    }
    for (int i = 0; i < test::rounds(20'000); ++i) {
      Octets damaged = whole;
      for (auto flips = 1 + random() % 3; flips > 0; --flips) {
        const std::size_t at = 4 + random() % (damaged.size() - 4);
        if (at == 4 || at == 5) continue;  // the type stays
        damaged[at] = static_cast<std::uint8_t>(random());
      }
      if (state.apply(bytes_of(damaged)) == Applied::kMalformed) ++malformed;
    }
  }
  EXPECT_GT(malformed, 1000U);
  RouteQuery query;
  query.family = AddressFamily::kIpv4;
  for (int i = 0; i < 1000; ++i) {
    query.destination = PrefixKey{std::uint64_t{random()} << 32, 0};
    EXPECT_LE(state.route(query).length, 32);
  }
}

}  // namespace
}  // namespace ctflow
