// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routed_interfaces.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <utility>

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
  void expect(const Flow& made, Interfaces original, Interfaces reply) {
    EXPECT_EQ(made.original_interfaces, original)
        << made.original_interfaces.ingress << ' ' << made.original_interfaces.egress;
    EXPECT_EQ(made.reply_interfaces, reply)
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
/// The same routes, once so that packets go by their destinations alone, and once with a rule by
/// mark behind all others, which leads nowhere but has every question be asked in full.
class RoutedTwiceTest : public RoutedInterfacesTest {
 protected:
  void apply_to_both(const Octets& message, RoutingTime now = kAlways) {
    ASSERT_EQ(state_.apply(bytes_of(message), now), in_full_.apply(bytes_of(message), now));
  }

  void make_routes() {
    in_full_ = {};
    state_ = {};
    for (const auto& [index, name] : {std::pair{kLo, "lo"}, {kLan, "lan"}, {kWan, "wan"}}) {
      apply_to_both(test::link_message(index, name, {.loopback = index == kLo}));
    }
    apply_to_both(test::link_message(kWan2, "wan2", {.up = random_() % 2 == 0}));
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
      apply_to_both(test::rule_message(0, RT_TABLE_LOCAL, {.family = family}));
      apply_to_both(test::rule_message(32766, RT_TABLE_MAIN, {.family = family}));
      in_full_.apply(bytes_of(test::rule_message(
          40000, 999, {.family = family, .more = attribute(FRA_FWMARK, host(std::uint32_t{7}))})));
    }
    for (const auto& [address, index] :
         {std::pair{kOurWan, kWan}, {"10.0.0.1", kLan}, {"2001:db8:1::1", kLan}}) {
      apply_to_both(test::address_message(address, index, {.length = 24}));
      const bool six = std::string(address).find(':') != std::string::npos;
      apply_to_both(test::route_message(std::string(address) + (six ? "/128" : "/32"),
                                        {{index, ""}},
                                        {.table = RT_TABLE_LOCAL, .type = RTN_LOCAL}));
    }
    for (int i = 0; i < 8; ++i) add_route();
  }

  void add_route() {
    const std::vector<const char*> prefixes{"0.0.0.0/0",    "10.0.0.0/24",     "198.51.100.0/24",
                                            "192.0.2.0/24", "2001:db8:1::/64", "::/0"};
    const std::string prefix = prefixes[random_() % prefixes.size()];
    const bool six = prefix.find(':') != std::string::npos;
    std::vector<HopOptions> hops;
    for (auto left = 1 + random_() % 2; left > 0; --left) {
      const std::string gateway = six ? "fe80::1" : kGateway;
      hops.push_back({kLan + static_cast<std::uint32_t>(random_() % 3),
                      random_() % 2 == 0 ? gateway : std::string()});
    }
    const std::array<std::uint8_t, 4> types{RTN_UNICAST, RTN_UNICAST, RTN_BLACKHOLE, RTN_BROADCAST};
    const std::uint8_t type = types[six ? 0 : random_() % types.size()];
    apply_to_both(
        test::route_message(prefix, type == RTN_BLACKHOLE ? std::vector<HopOptions>{} : hops,
                            {.metric = static_cast<std::uint32_t>(random_() % 2), .type = type}));
  }

  Flow any_flow() {
    static const std::vector<std::vector<std::string>> addresses{
        {kClient, kServer, kOurWan, "10.0.0.1", "192.0.2.77", "169.254.1.2", "224.0.0.251",
         "239.1.2.3", "255.255.255.255", "0.0.0.0", "10.0.0.255"},
        {"2001:db8:1::2", "2001:db8:9::9", "2001:db8:1::1", "fe80::2", "ff02::fb", "ff0e::1",
         "::"}};
    const auto& family = addresses[random_() % 2];
    const auto& other = random_() % 16 == 0 ? addresses[random_() % 2] : family;
    const auto any = [&](const auto& all) { return all[random_() % all.size()]; };
    const std::string source = any(family);
    const std::string destination = any(family);
    Flow made = random_() % 2 == 0 ? flow(source, destination)
                                   : translated_flow(source, destination, any(other), any(other));
    made.mark = random_() % 4 == 0 ? 7 : 0;
    if (random_() % 16 == 0) {
      made.extras.original.has_interfaces = made.extras.present = true;
      made.extras.original.interfaces = {kLan, kWan2};
    }
    return made;
  }

  std::mt19937 random_;
  RoutingState in_full_;
  InterfaceCounters counters_in_full_;
};

TEST_F(RoutedTwiceTest, UsualConnectionsAreFoundAsAllOthers) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  random_.seed(seed);
  config_.ingress = 17;
  RoutedInterfaces usual([this]() -> const RoutingState& { return state_; }, config_, counters_);
  RoutedInterfaces full([this]() -> const RoutingState& { return in_full_; }, config_,
                        counters_in_full_);
  int known = 0;
  for (int round = 0; round < 500; ++round) {
    make_routes();
    ASSERT_TRUE(state_.goes_by_destination(AddressFamily::kIpv4));
    ASSERT_FALSE(in_full_.goes_by_destination(AddressFamily::kIpv4));
    for (int i = 0; i < 200; ++i) {
      Flow one = any_flow();
      Flow other = one;
      usual.enrich(one);
      full.enrich(other);
      ASSERT_EQ(one.original_interfaces, other.original_interfaces) << round << ' ' << i;
      ASSERT_EQ(one.reply_interfaces, other.reply_interfaces) << round << ' ' << i;
      ASSERT_EQ(one.original_routing, other.original_routing) << round << ' ' << i;
      ASSERT_EQ(one.reply_routing, other.reply_routing) << round << ' ' << i;
      known += one.original_interfaces.ingress != 0 && one.original_interfaces.egress != 0 ? 1 : 0;
      if (i % 50 == 49) add_route();
    }
  }
  EXPECT_GT(known, 5000);
  EXPECT_EQ(counters_.from_kernel, counters_in_full_.from_kernel);
  EXPECT_EQ(counters_.from_routes, counters_in_full_.from_routes);
  EXPECT_EQ(counters_.from_settings, counters_in_full_.from_settings);
  EXPECT_EQ(counters_.unknown, counters_in_full_.unknown);
  EXPECT_EQ(counters_.undecided, counters_in_full_.undecided);
  EXPECT_EQ(counters_.contradicted, counters_in_full_.contradicted);
  EXPECT_EQ(counters_.forgotten, counters_in_full_.forgotten);
}

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
