// SPDX-License-Identifier: GPL-2.0-or-later
// Through RoutedInterfaces: what addresses and the past say beside the routes.
#include "enrich/address_evidence.hpp"

#include <gtest/gtest.h>

#include "enrich/routed_interfaces.hpp"
#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

using test::attribute;
using test::bytes_of;
using test::host;
using test::Octets;

constexpr std::uint32_t kLo = 1;
constexpr std::uint32_t kLan = 2;
constexpr std::uint32_t kWan = 3;
constexpr std::uint32_t kWan2 = 4;
constexpr RoutingTime kSecond = 1'000'000'000;
constexpr TimePoint kPresent{std::chrono::hours(500'000)};

constexpr const char* kClient = "10.0.0.2";
constexpr const char* kServer = "198.51.100.9";
constexpr const char* kWanAddress = "192.0.2.2";
constexpr const char* kWan2Address = "198.18.0.2";

RoutingTime g_now = 0;

/// A router with two lines, of which `wan` is in use.
class AddressEvidenceTest : public testing::Test {
 protected:
  AddressEvidenceTest() {
    apply(test::link_message(kLo, "lo", {.loopback = true}));
    apply(test::link_message(kLan, "lan"));
    apply(test::link_message(kWan, "wan"));
    apply(test::link_message(kWan2, "wan2"));
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
      apply(test::rule_message(0, RT_TABLE_LOCAL, {.family = family}));
      apply(test::rule_message(32766, RT_TABLE_MAIN, {.family = family}));
    }
    own("10.0.0.1", kLan);
    own(kWanAddress, kWan);
    own(kWan2Address, kWan2);
    own("fe80::a", kLan);
    own("fe80::b", kWan);
    for (const std::uint32_t interface : {kLan, kWan}) {
      apply(test::route_message("fe80::/64", {{interface, ""}}, {.metric = 256}));
    }
    apply(test::route_message("10.0.0.0/24", {{kLan, ""}}));
    apply(default_route(kWan, 10));
    apply(default_route(kWan2, 20));
    apply(test::route_message("::/0", {{kWan, "fe80::1"}}, {.metric = 1024}));
    g_now = 1000 * kSecond;
  }

  /// Something happens now; until then things were read.
  void apply(const Octets& message) {
    ASSERT_NE(state_.apply(bytes_of(message), g_now == 0 ? kAlways : g_now), Applied::kMalformed);
  }
  void own(const std::string& address, std::uint32_t interface) {
    apply(test::address_message(address, interface));
    const bool six = test::family_number(address) == AF_INET6;
    apply(test::route_message(address + (six ? "/128" : "/32"), {{interface, ""}},
                              {.table = RT_TABLE_LOCAL, .type = RTN_LOCAL}));
  }
  static Octets default_route(std::uint32_t interface, std::uint32_t metric, bool removed = false) {
    return test::route_message("0.0.0.0/0",
                               {{interface, interface == kWan ? "192.0.2.1" : "198.18.0.1"}},
                               {.metric = metric, .removed = removed});
  }
  void mark_rule(bool inverted = false) {
    Octets mark = attribute(FRA_FWMARK, host(std::uint32_t{0x200}));
    test::append(mark, attribute(FRA_FWMASK, host(std::uint32_t{0x3f00})));
    apply(test::rule_message(
        100, 100, {.flags = inverted ? std::uint32_t{FIB_RULE_INVERT} : 0U, .more = mark}));
    apply(test::route_message("0.0.0.0/0", {{kWan2, "198.18.0.1"}}, {.table = 100}));
  }

  static void set_tuple(Tuple& tuple, const std::string& source, const std::string& destination) {
    tuple.family =
        test::family_number(source) == AF_INET ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
    tuple.protocol = 17;
    tuple.source = test::address_of(source);
    tuple.destination = test::address_of(destination);
  }
  /// A connection whose last packet was `ago` before now.
  static Flow flow(const std::string& source, const std::string& destination,
                   const std::string& answers_from, const std::string& answers_to,
                   RoutingTime ago = 0) {
    Flow made;
    set_tuple(made.original, source, destination);
    set_tuple(made.reply, answers_from, answers_to);
    made.event_time = kPresent;
    made.end = made.event_time - std::chrono::nanoseconds(ago);
    made.start = made.end - std::chrono::seconds(5);
    return made;
  }
  static Flow outward(const std::string& translated, RoutingTime ago = 0) {
    return flow(kClient, kServer, kServer, translated, ago);
  }

  Flow enriched(Flow made) {
    RoutedInterfaces enricher([this]() -> const RoutingState& { return state_; }, {}, counters_,
                              [] {
                                return Instant{kPresent, MonoTime(std::chrono::nanoseconds(g_now))};
                              });
    enricher.enrich(made);
    return made;
  }
  /// Interface and next hop are those of one line, or neither is known.
  void expect_left_by(const Flow& made, std::uint32_t interface) {
    EXPECT_EQ(made.original_interfaces.ingress, kLan);
    EXPECT_EQ(made.original_interfaces.egress, interface);
    EXPECT_EQ(made.reply_interfaces, (Interfaces{interface, kLan}));
    const char* next_hop = interface == kWan ? "192.0.2.1" : "198.18.0.1";
    EXPECT_EQ(made.original_routing.next_hop,
              interface == 0 ? IpAddress{} : test::address_of(next_hop));
  }
  void TearDown() override { g_now = 0; }

  RoutingState state_;
  InterfaceCounters counters_;
};

TEST_F(AddressEvidenceTest, AsksAsOfTheLastPacketWhenALineFailed) {
  g_now += 100 * kSecond;
  apply(test::link_message(kWan, "wan", {.up = false}));
  g_now += 10 * kSecond;
  for (const char* source : {kWanAddress, kClient}) {
    expect_left_by(enriched(outward(source, 11 * kSecond)), kWan);
  }
  expect_left_by(enriched(outward(kWan2Address)), kWan2);
  expect_left_by(enriched(outward(kClient)), kWan2);
  apply(test::link_message(kWan, "wan", {.removed = true}));
  expect_left_by(enriched(outward(kWanAddress, 11 * kSecond)), kWan);
  EXPECT_EQ(counters_.contradicted + counters_.unknown, 0U);
}

/// An entry of a scan is read up to a second after the kernel wrote it.
TEST_F(AddressEvidenceTest, CountsTheTimeThatAnEntryWaited) {
  g_now += 100 * kSecond;
  apply(test::link_message(kWan, "wan", {.up = false}));
  g_now += 10 * kSecond;
  Flow waited = outward(kClient);
  for (TimePoint* time : {&waited.start, &waited.end, &waited.event_time}) {
    *time -= std::chrono::nanoseconds(9 * kSecond);
  }
  expect_left_by(enriched(waited), kWan2);  // the line had been down for a second
  for (TimePoint* time : {&waited.start, &waited.end}) {
    *time -= std::chrono::nanoseconds(2 * kSecond);
  }
  expect_left_by(enriched(waited), kWan);
  Flow recorded = outward(kClient);
  for (TimePoint* time : {&recorded.start, &recorded.end, &recorded.event_time}) {
    *time -= std::chrono::hours(1000);
  }
  expect_left_by(enriched(recorded), kWan2);
}

TEST_F(AddressEvidenceTest, AllowsForTheErrorOfTheEnd) {
  apply(default_route(kWan, 10, true));
  // Half a second late by its estimate, or the change was heard of before.
  g_now += kSecond / 2;
  expect_left_by(enriched(outward(kWanAddress)), kWan);
  g_now += 60 * kSecond;
  apply(default_route(kWan2, 20, true));
  EXPECT_EQ(enriched(outward(kWan2Address)).original_interfaces.egress, kWan2);
}

TEST_F(AddressEvidenceTest, LeavesAContradictionUnknown) {
  apply(default_route(kWan2, 5));
  g_now += 60 * kSecond;
  expect_left_by(enriched(outward(kWanAddress)), 0);
  EXPECT_EQ(counters_.contradicted, 1U);
  EXPECT_EQ(counters_.unknown, 1U);
  // Also when the line is gone since.
  apply(test::address_message(kWanAddress, kWan, {.removed = true}));
  apply(test::link_message(kWan, "wan", {.removed = true}));
  g_now += 60 * kSecond;
  expect_left_by(enriched(outward(kWanAddress)), 0);
  EXPECT_EQ(counters_.contradicted, 2U);
}

TEST_F(AddressEvidenceTest, LeavesAContradictionUnknownWhenTheFirstWayIsGone) {
  apply(default_route(kWan, 10, true));
  g_now += 3 * kSecond;  // the connection began before
  expect_left_by(enriched(outward(kWanAddress)), 0);
  EXPECT_EQ(counters_.contradicted, 1U);
  // One that began afterwards cannot have left by it: the address is a setting.
  g_now += 60 * kSecond;
  expect_left_by(enriched(outward(kWanAddress)), kWan2);
}

TEST_F(AddressEvidenceTest, DoesNotDecideAboutShortConnectionsNearAChange) {
  g_now += 60 * kSecond;
  apply(default_route(kWan2, 5));
  g_now += 20 * kSecond;
  const auto near = [](const std::string& source, RoutingTime before) {
    Flow made = outward(source, 20 * kSecond + before);
    made.start = made.end;
    return made;
  };
  expect_left_by(enriched(near(kClient, kSecond / 20)), 0);
  expect_left_by(enriched(near(kWanAddress, kSecond / 20)), kWan);
  expect_left_by(enriched(near(kWan2Address, kSecond / 20)), kWan2);
  expect_left_by(enriched(near(kClient, kSecond / 5)), kWan);
  expect_left_by(enriched(near(kClient, 0)), kWan2);
  EXPECT_EQ(counters_.undecided, 1U);
}

TEST_F(AddressEvidenceTest, FollowsAnAddressThatMovedToAnotherInterface) {
  apply(test::address_message(kWanAddress, kWan, {.removed = true}));
  apply(test::address_message(kWanAddress, kWan2));
  apply(default_route(kWan2, 5));
  g_now += 60 * kSecond;
  expect_left_by(enriched(outward(kWanAddress)), kWan2);
  expect_left_by(enriched(outward(kWanAddress, 61 * kSecond)), kWan);
}

TEST_F(AddressEvidenceTest, IgnoresAddressesOfInterfacesThatDoNotLeadThere) {
  own("203.0.113.77", kLo);
  expect_left_by(enriched(outward("203.0.113.77")), kWan);
  own("203.0.113.78", kLan);
  expect_left_by(enriched(outward("203.0.113.78")), kWan);
  // Into the inner network by the address of the line, as NAT loops do.
  const Flow loop = enriched(flow(kClient, kWanAddress, "10.0.0.3", "10.0.0.1"));
  EXPECT_EQ(loop.original_interfaces, (Interfaces{kLan, kLan}));
  EXPECT_EQ(counters_.contradicted, 0U);
}

TEST_F(AddressEvidenceTest, DecidesBetweenEqualWays) {
  apply(test::route_message("0.0.0.0/0", {{kWan, "192.0.2.1"}, {kWan2, "198.18.0.1"}},
                            {.metric = 1}));
  expect_left_by(enriched(outward(kWanAddress)), kWan);
  expect_left_by(enriched(outward(kWan2Address)), kWan2);
  expect_left_by(enriched(outward(kClient)), 0);
  EXPECT_EQ(counters_.contradicted, 0U);
  // A socket's own address was chosen before the way.
  EXPECT_EQ(enriched(flow(kWanAddress, kServer, kServer, kWanAddress)).original_interfaces,
            (Interfaces{0, 0}));
}

TEST_F(AddressEvidenceTest, DecidesAboutMarksThatOnlyPacketsCarry) {
  mark_rule();
  expect_left_by(enriched(outward(kWanAddress)), kWan);
  expect_left_by(enriched(outward(kWan2Address)), kWan2);
  EXPECT_EQ(counters_.undecided, 0U);
  expect_left_by(enriched(outward(kClient)), 0);
  EXPECT_EQ(counters_.undecided, 1U);
  // That of a socket, too: tunnels mark their own packets.
  EXPECT_EQ(enriched(flow(kWan2Address, kServer, kServer, kWan2Address)).original_interfaces,
            (Interfaces{0, kWan2}));
  // Once a connection has the mark it is known that they keep it.
  Flow marked = outward(kClient);
  marked.mark = 0x200;
  expect_left_by(enriched(marked), kWan2);
  expect_left_by(enriched(outward(kClient)), kWan);
}

TEST_F(AddressEvidenceTest, DecidesAboutRulesForWhatIsNotMarked) {
  // As VPN tools do: all that is not theirs goes into the tunnel, but for networks at hand.
  apply(test::rule_message(90, RT_TABLE_MAIN,
                           {.more = attribute(FRA_SUPPRESS_PREFIXLEN, host(std::int32_t{0}))}));
  mark_rule(true);
  expect_left_by(enriched(outward(kWanAddress)), kWan);
  expect_left_by(enriched(outward(kWan2Address)), kWan2);
  expect_left_by(enriched(outward(kClient)), 0);
}

TEST_F(AddressEvidenceTest, HasNoDoubtWhereAllRulesLeadTheSameWay) {
  apply(default_route(kWan2, 20, true));
  mark_rule();
  apply(test::route_message("0.0.0.0/0", {{kWan, "192.0.2.1"}},
                            {.table = 100, .flags = NLM_F_REPLACE}));
  expect_left_by(enriched(outward(kClient)), kWan);
  // A proxy on this host, and a table that knows nothing.
  apply(test::route_message("0.0.0.0/0", {{kLo, ""}},
                            {.table = 100, .type = RTN_LOCAL, .flags = NLM_F_REPLACE}));
  expect_left_by(enriched(outward(kClient)), kWan);
  EXPECT_EQ(counters_.undecided, 0U);
}

TEST_F(AddressEvidenceTest, SaysWhatIsForgotten) {
  for (int i = 0; i < 200; ++i) {
    g_now += kSecond / 100;
    apply(default_route(kWan2, 5, i % 2 != 0));
  }
  expect_left_by(enriched(outward(kClient, 60 * kSecond)), 0);
  EXPECT_EQ(counters_.forgotten, 1U);
  expect_left_by(enriched(outward(kWanAddress, 60 * kSecond)), kWan);
  expect_left_by(enriched(outward(kClient)), kWan);
  EXPECT_EQ(counters_.forgotten, 1U);
}

TEST_F(AddressEvidenceTest, NamesTheInterfaceOfWhatIsSentToGroups) {
  for (const char* group : {"224.0.0.5", "239.1.2.3", "255.255.255.255"}) {
    const Flow made = enriched(flow("10.0.0.1", group, group, "10.0.0.1"));
    EXPECT_EQ(made.original_interfaces, (Interfaces{0, kLan})) << group;
    EXPECT_EQ(made.original_routing.next_hop, IpAddress{}) << group;
  }
  EXPECT_EQ(enriched(flow("fe80::b", "ff02::5", "ff02::5", "fe80::b")).original_interfaces,
            (Interfaces{0, kWan}));
  // From no address of ours nothing follows.
  EXPECT_EQ(enriched(flow("0.0.0.0", "255.255.255.255", "255.255.255.255", "0.0.0.0"))
                .original_interfaces,
            (Interfaces{0, 0}));
  EXPECT_EQ(enriched(flow("127.0.0.1", "224.0.0.5", "224.0.0.5", "127.0.0.1")).original_interfaces,
            (Interfaces{0, 0}));
}

TEST_F(AddressEvidenceTest, NamesTheInterfaceOfWhatIsReceivedByGroups) {
  EXPECT_EQ(enriched(flow(kClient, "224.0.0.251", "224.0.0.251", kClient)).original_interfaces,
            (Interfaces{kLan, 0}));
  // What is not forwarded cannot come from beyond a gateway.
  EXPECT_EQ(enriched(flow(kServer, "224.0.0.5", "224.0.0.5", kServer)).original_interfaces,
            (Interfaces{0, 0}));
  EXPECT_EQ(enriched(flow(kServer, "232.1.1.1", "232.1.1.1", kServer)).original_interfaces,
            (Interfaces{kWan, 0}));
  apply(test::route_message("10.0.0.255/32", {{kLan, ""}},
                            {.table = RT_TABLE_LOCAL, .type = RTN_BROADCAST}));
  EXPECT_EQ(
      enriched(flow("169.254.7.7", "10.0.0.255", "10.0.0.255", "169.254.7.7")).original_interfaces,
      (Interfaces{kLan, 0}));
}

TEST_F(AddressEvidenceTest, TakesNoDefaultRouteToLinkLocalAddresses) {
  expect_left_by(enriched(flow(kClient, "169.254.7.7", "169.254.7.7", kClient)), 0);
  EXPECT_EQ(
      enriched(flow("10.0.0.1", "169.254.7.7", "169.254.7.7", "10.0.0.1")).original_interfaces,
      (Interfaces{0, kLan}));
  EXPECT_EQ(enriched(flow("fe80::b", "fe80::77", "fe80::77", "fe80::b")).original_interfaces,
            (Interfaces{0, kWan}));
  EXPECT_EQ(enriched(flow("fe80::77", "fe80::a", "fe80::a", "fe80::77")).original_interfaces,
            (Interfaces{kLan, 0}));
  apply(test::route_message("169.254.0.0/16", {{kWan2, ""}}));
  EXPECT_EQ(enriched(flow(kClient, "169.254.7.7", "169.254.7.7", kClient)).original_interfaces,
            (Interfaces{kLan, kWan2}));
}

TEST_F(AddressEvidenceTest, GivesTheNextHopOfTheInterfaceThatTheKernelNames) {
  Flow made = outward(kWan2Address);
  made.extras.original.has_interfaces = true;
  made.extras.original.interfaces = made.original_interfaces = {kLan, kWan2};
  expect_left_by(enriched(made), kWan2);
  apply(default_route(kWan2, 20, true));
  made = enriched(made);
  EXPECT_EQ(made.original_interfaces.egress, kWan2);
  EXPECT_EQ(made.original_routing.next_hop, IpAddress{}) << "not that of another line";
}

}  // namespace
}  // namespace ctflow
