// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routed_interfaces.hpp"

#include <gtest/gtest.h>

#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

using test::attribute;
using test::bytes_of;
using test::HopOptions;
using test::host;
using test::Octets;

constexpr std::uint32_t kLo = 1;
constexpr std::uint32_t kLan = 2;
constexpr std::uint32_t kWan = 3;
constexpr std::uint32_t kWan2 = 4;

constexpr const char* kClient = "10.0.0.2";
constexpr const char* kServer = "198.51.100.9";
constexpr const char* kOurWan = "192.0.2.2";
constexpr const char* kGateway = "192.0.2.1";

/// A router between a network 10.0.0.0/24 at `lan` and everything else at `wan`.
class RoutedInterfacesTest : public testing::Test {
 protected:
  RoutedInterfacesTest() {
    link(kLo, "lo", {.loopback = true});
    link(kLan, "lan");
    link(kWan, "wan");
    link(kWan2, "wan2");
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
      rule(0, RT_TABLE_LOCAL, {.family = family});
      rule(32766, RT_TABLE_MAIN, {.family = family});
    }
    local("127.0.0.0/8", kLo);
    local("10.0.0.1/32", kLan);
    local("192.0.2.2/32", kWan);
    route("10.0.0.0/24", {{kLan, ""}});
    route("192.0.2.0/24", {{kWan, ""}});
    route("0.0.0.0/0", {{kWan, kGateway}});
    route("2001:db8:1::/64", {{kLan, ""}}, {.metric = 256});
    route("::/0", {{kWan, "fe80::1"}}, {.metric = 1024});
  }

  void apply(const Octets& message) {
    ASSERT_NE(state_.apply(bytes_of(message)), Applied::kMalformed);
  }
  void link(std::uint32_t index, const std::string& name, const test::LinkOptions& options = {}) {
    apply(test::link_message(index, name, options));
  }
  void route(const std::string& prefix, const std::vector<HopOptions>& hops,
             const test::RouteOptions& options = {}) {
    apply(test::route_message(prefix, hops, options));
  }
  void local(const std::string& prefix, std::uint32_t interface,
             std::uint32_t table = RT_TABLE_LOCAL) {
    route(prefix, {{interface, ""}}, {.table = table, .type = RTN_LOCAL});
  }
  void rule(std::uint32_t priority, std::uint32_t table, const test::RuleOptions& options = {}) {
    apply(test::rule_message(priority, table, options));
  }

  static void set_tuple(Tuple& tuple, const std::string& source, const std::string& destination) {
    tuple.family =
        test::family_number(source) == AF_INET ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
    tuple.protocol = 17;
    tuple.source = test::address_of(source);
    tuple.destination = test::address_of(destination);
  }
  static Flow flow(const std::string& client, const std::string& server) {
    return translated_flow(client, server, server, client);
  }
  static Flow translated_flow(const std::string& source, const std::string& destination,
                              const std::string& answers_from, const std::string& answers_to) {
    Flow made;
    set_tuple(made.original, source, destination);
    set_tuple(made.reply, answers_from, answers_to);
    return made;
  }

  Flow enriched(Flow made) {
    RoutedInterfaces enricher([this]() -> const RoutingState& { return state_; }, config_,
                              counters_);
    enricher.enrich(made);
    return made;
  }
  void expect(const Flow& made, Interfaces original_counters, Interfaces reply_counters) {
    EXPECT_EQ(made.original_interfaces, original_counters)
        << made.original_interfaces.ingress << ' ' << made.original_interfaces.egress;
    EXPECT_EQ(made.reply_interfaces, reply_counters)
        << made.reply_interfaces.ingress << ' ' << made.reply_interfaces.egress;
  }

  RoutingState state_;
  InterfacesConfig config_;
  InterfaceCounters counters_;
};

TEST_F(RoutedInterfacesTest, FollowTheRoutesToBothEnds) {
  const Flow made = enriched(flow(kClient, kServer));
  expect(made, {kLan, kWan}, {kWan, kLan});
  EXPECT_EQ(made.original_routing.next_hop, test::address_of(kGateway));
  EXPECT_EQ(made.original_routing.source_prefix_length, 24);
  EXPECT_EQ(made.original_routing.destination_prefix_length, 0);
  EXPECT_EQ(made.reply_routing.next_hop, IpAddress{});
  EXPECT_EQ(made.reply_routing.source_prefix_length, 0);
  EXPECT_EQ(made.reply_routing.destination_prefix_length, 24);
  EXPECT_EQ(made.original_routing.ingress_vrf, 0U);
  EXPECT_EQ(counters_.from_routes, 2U);
}

TEST_F(RoutedInterfacesTest, FollowIpv6RoutesAsWell) {
  const Flow made = enriched(flow("2001:db8:1::2", "2001:db8:9::9"));
  expect(made, {kLan, kWan}, {kWan, kLan});
  EXPECT_EQ(made.original_routing.next_hop, test::address_of("fe80::1"));
}

TEST_F(RoutedInterfacesTest, AskForTheInnerAddressOnBothSidesOfNat) {
  expect(enriched(translated_flow(kClient, kServer, kServer, kOurWan)), {kLan, kWan}, {kWan, kLan});
  // A connection from outside to our address, passed on to a host inside.
  const Flow inward = enriched(translated_flow(kServer, kOurWan, kClient, kServer));
  expect(inward, {kWan, kLan}, {kLan, kWan});
  EXPECT_EQ(inward.original_routing.destination_prefix_length, 24);
}

TEST_F(RoutedInterfacesTest, AskEachSideInItsFamily) {
  Flow nat64;
  set_tuple(nat64.original, "2001:db8:1::2", "64:ff9b::c633:6409");
  set_tuple(nat64.reply, kServer, kOurWan);
  const Flow made = enriched(nat64);
  expect(made, {kLan, kWan}, {kWan, kLan});
  EXPECT_EQ(made.original_routing.next_hop, IpAddress{}) << "an IPv4 address in an IPv6 record";
}

TEST_F(RoutedInterfacesTest, AreNoneOnTheSideOfThisHost) {
  expect(enriched(flow(kOurWan, kServer)), {0, kWan}, {kWan, 0});
  expect(enriched(flow(kClient, "10.0.0.1")), {kLan, 0}, {0, kLan});
  expect(enriched(translated_flow(kServer, "192.0.2.7", "10.0.0.1", kServer)), {kWan, 0},
         {0, kWan});
  expect(enriched(flow("127.0.0.1", "127.0.0.1")), {0, kLo}, {0, kLo});
  expect(enriched(flow("10.0.0.1", kOurWan)), {0, kLo}, {0, kLo});
  EXPECT_EQ(counters_.unknown, 0U);
}

TEST_F(RoutedInterfacesTest, EndAtThisHostForGroups) {
  for (const char* group : {"224.0.0.251", "255.255.255.255"}) {
    expect(enriched(flow(kClient, group)), {kLan, 0}, {0, kLan});
  }
  expect(enriched(flow("2001:db8:1::2", "ff02::fb")), {kLan, 0}, {0, kLan});
  route("10.0.0.255/32", {{kLan, ""}}, {.table = RT_TABLE_LOCAL, .type = RTN_BROADCAST});
  EXPECT_EQ(enriched(flow(kClient, "10.0.0.255")).original_interfaces, (Interfaces{kLan, 0}));
  EXPECT_EQ(enriched(flow("10.0.0.1", "10.0.0.255")).original_interfaces, (Interfaces{0, kLan}));
}

TEST_F(RoutedInterfacesTest, AreTheConfiguredOnesWhereNoRouteTells) {
  config_.ingress = 77;
  config_.egress = 78;
  expect(enriched(flow("0.0.0.0", kServer)), {77, kWan}, {kWan, 77});
  route("0.0.0.0/0", {{kWan, kGateway}}, {.removed = true});
  expect(enriched(flow(kClient, kServer)), {kLan, 78}, {78, kLan});
  EXPECT_EQ(counters_.from_settings, 2U);
  config_.by_mark = {{0x10, 0xf0, "", 5, 6}};
  Flow marked = flow(kClient, kServer);
  marked.mark = 0x1a;
  expect(enriched(marked), {kLan, 6}, {6, kLan});
}

TEST_F(RoutedInterfacesTest, AreUnknownWhereNothingTells) {
  route("0.0.0.0/0", {{kWan, kGateway}}, {.removed = true});
  expect(enriched(flow(kClient, kServer)), {kLan, 0}, {0, kLan});
  EXPECT_EQ(counters_.unknown, 1U);
  EXPECT_EQ(counters_.from_routes, 1U);
}

TEST_F(RoutedInterfacesTest, LeaveWhatTheKernelTold) {
  Flow made = flow(kClient, kServer);
  made.extras.original.has_interfaces = made.extras.reply.has_interfaces = true;
  made.extras.original.interfaces = made.original_interfaces = {kLan, kWan2};
  made.extras.reply.interfaces = made.reply_interfaces = {kWan, kLan};
  made = enriched(made);
  expect(made, {kLan, kWan2}, {kWan, kLan});
  EXPECT_EQ(counters_.from_kernel, 2U);
  EXPECT_EQ(made.original_routing.source_prefix_length, 24) << "routes tell the rest";
}

TEST_F(RoutedInterfacesTest, MirrorWhatTheKernelToldOfOneDirection) {
  Flow made = flow(kClient, kServer);
  made.extras.original.has_interfaces = true;
  made.extras.original.interfaces = made.original_interfaces = {kLan, kWan2};
  expect(enriched(made), {kLan, kWan2}, {kWan2, kLan});
}

TEST_F(RoutedInterfacesTest, FollowRulesByIngressFoundByTheRouteBack) {
  rule(100, 100, {.more = attribute(FRA_IIFNAME, test::text("lan"))});
  route("0.0.0.0/0", {{kWan2, "198.18.0.1"}}, {.table = 100});
  expect(enriched(flow(kClient, kServer)), {kLan, kWan2}, {kWan2, kLan});
  expect(enriched(flow(kOurWan, kServer)), {0, kWan}, {kWan, 0});
  rule(90, 101, {.more = attribute(FRA_IIFNAME, test::text("lo"))});
  route("198.51.100.0/24", {{kLan, ""}}, {.table = 101});
  expect(enriched(flow(kOurWan, kServer)), {0, kLan}, {kLan, 0});
}

TEST_F(RoutedInterfacesTest, DoNotTakeTheMarksLineForTheInitiatorsToo) {
  Octets mark = attribute(FRA_FWMARK, host(std::uint32_t{1}));
  test::append(mark, attribute(FRA_FWMASK, host(std::uint32_t{0xff})));
  rule(100, 100, {.more = mark});
  route("0.0.0.0/0", {{kWan2, "198.18.0.1"}}, {.table = 100});
  Flow made = flow(kClient, kServer);
  made.mark = 1;
  made = enriched(made);
  expect(made, {kLan, kWan2}, {kWan2, kLan});
  EXPECT_EQ(made.original_routing.source_prefix_length, 24);
}

TEST_F(RoutedInterfacesTest, CountFlowsWithARuleThatNeedsThePacket) {
  rule(100, 100, {.tos = 4});
  enriched(flow(kClient, kServer));
  EXPECT_EQ(counters_.undecided, 1U);
}

/// A VRF `red` with a network of its own and a way out.
class RoutedVrfTest : public RoutedInterfacesTest {
 protected:
  static constexpr std::uint32_t kRed = 10;
  static constexpr std::uint32_t kRedLan = 11;
  static constexpr std::uint32_t kRedWan = 12;
  static constexpr std::uint32_t kTable = 1000;

  RoutedVrfTest() {
    link(kRed, "red", {.vrf_table = kTable});
    link(kRedLan, "red-lan", {.master = kRed});
    link(kRedWan, "red-wan", {.master = kRed});
    rule(1000, 0, {.more = attribute(FRA_L3MDEV, {1})});
    route("172.16.0.0/24", {{kRedLan, ""}}, {.table = kTable});
    route("0.0.0.0/0", {{kRedWan, "198.18.5.1"}}, {.table = kTable});
    local("172.16.0.1/32", kRedLan, kTable);
  }
};

TEST_F(RoutedVrfTest, IsFoundWhenItsRoutesFitBetterThanThoseWithoutVrf) {
  const Flow made = enriched(flow("172.16.0.2", kServer));
  expect(made, {kRedLan, kRedWan}, {kRedWan, kRedLan});
  EXPECT_EQ(made.original_routing.ingress_vrf, kTable);
  EXPECT_EQ(made.original_routing.egress_vrf, kTable);
  EXPECT_EQ(made.reply_routing.ingress_vrf, kTable);
  EXPECT_EQ(made.original_routing.next_hop, test::address_of("198.18.5.1"));
  expect(enriched(flow("172.16.0.2", "172.16.0.1")), {kRedLan, 0}, {0, kRedLan});
}

TEST_F(RoutedVrfTest, IsNotTakenForConnectionsWithout) {
  const Flow made = enriched(flow(kClient, kServer));
  expect(made, {kLan, kWan}, {kWan, kLan});
  EXPECT_EQ(made.original_routing.ingress_vrf, 0U);
}

TEST_F(RoutedVrfTest, IsNotGuessedAmongSeveral) {
  link(20, "blue", {.vrf_table = 2000});
  link(21, "blue-lan", {.master = 20});
  route("172.16.0.0/24", {{21, ""}}, {.table = 2000});
  route("0.0.0.0/0", {{21, "172.16.0.254"}}, {.table = 2000});
  expect(enriched(flow("172.16.0.2", kServer)), {kWan, kWan}, {kWan, kWan});
  config_.by_zone = {{7, "blue", 0, 0}};
  Flow zoned = flow("172.16.0.2", kServer);
  zoned.original.zone = zoned.reply.zone = 7;
  expect(enriched(zoned), {21, 21}, {21, 21});
  config_.by_mark = {{3, 0xff, "red", 0, 0}};
  zoned.mark = 3;
  expect(enriched(zoned), {kRedLan, kRedWan}, {kRedWan, kRedLan});
}

TEST_F(RoutedVrfTest, FollowsFromTheInterfaceThatTheKernelTold) {
  route("172.16.0.0/24", {{kLan, ""}});  // the same network without VRF
  Flow made = flow("172.16.0.2", kServer);
  made.extras.original.has_interfaces = true;
  made.extras.original.interfaces = made.original_interfaces = {kRedLan, kRedWan};
  made = enriched(made);
  expect(made, {kRedLan, kRedWan}, {kRedWan, kRedLan});
  EXPECT_EQ(made.original_routing.next_hop, test::address_of("198.18.5.1"));
  EXPECT_EQ(made.original_routing.egress_vrf, kTable);
}

TEST_F(RoutedVrfTest, TellsWhereOneIsLeftForAnother) {
  // Leaked both ways: each side's table has the other's network.
  route("172.16.0.0/24", {{kRedLan, ""}});
  route("10.0.0.0/24", {{kLan, ""}}, {.table = kTable});
  const Flow made = enriched(flow(kClient, "172.16.0.2"));
  expect(made, {kLan, kRedLan}, {kRedLan, kLan});
  EXPECT_EQ(made.original_routing.ingress_vrf, 0U);
  EXPECT_EQ(made.original_routing.egress_vrf, kTable);
}

}  // namespace
}  // namespace ctflow
