// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/mac_addresses.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "ctflow/config.hpp"
#include "support/text_address.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;
using test::text_address;

constexpr std::uint64_t kClientMac = 0x02005e005301;
constexpr std::uint64_t kServerMac = 0x02005e005302;
constexpr std::uint64_t kOtherMac = 0x02005e005303;
constexpr std::uint32_t kLanIndex = 2;
constexpr std::uint32_t kWanIndex = 3;
constexpr std::uint32_t kOtherIndex = 4;

using Macs = std::pair<std::uint64_t, std::uint64_t>;

class MacAddressesTest : public testing::Test {
 protected:
  MacAddressesTest() {
    see("10.10.0.2", kLanIndex, kClientMac);
    see("2001:db8:1::2", kLanIndex, kClientMac);
    see("203.0.113.2", kWanIndex, kServerMac);
    see("2001:db8:2::2", kWanIndex, kServerMac);
  }

  void see(const std::string& address, std::uint32_t interface, std::uint64_t mac) {
    const test::TextAddress one = text_address(address);
    table_.apply({one.family, one.address, interface, mac}, now_);
  }

  static Tuple tuple(const std::string& from, const std::string& to) {
    Tuple tuple;
    const test::TextAddress source = text_address(from);
    tuple.family = source.family;
    tuple.source = source.address;
    tuple.destination = text_address(to).address;
    return tuple;
  }

  /// Through this router, from LAN to WAN, with what was left behind by another flow.
  [[nodiscard]] Flow outwards(const Tuple& original, const Tuple& reply) const {
    Flow flow;
    flow.original = original;
    flow.reply = reply;
    flow.original_interfaces = {kLanIndex, kWanIndex};
    flow.reply_interfaces = {kWanIndex, kLanIndex};
    flow.end = now_;
    flow.initiator_mac = flow.responder_mac = kOtherMac;
    return flow;
  }
  [[nodiscard]] Flow inwards(const Tuple& original, const Tuple& reply) const {
    Flow flow = outwards(original, reply);
    std::swap(flow.original_interfaces, flow.reply_interfaces);
    return flow;
  }

  /// Of initiator and responder.
  Macs of(Flow flow) {
    enricher_.enrich(flow);
    return {flow.initiator_mac, flow.responder_mac};
  }

  TimePoint now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)};
  Neighbours table_;
  MacAddresses enricher_{[this]() -> const Neighbours& { return table_; }};
};

TEST_F(MacAddressesTest, AreThoseOfBothEnds) {
  EXPECT_EQ(of(outwards(tuple("10.10.0.2", "203.0.113.2"), tuple("203.0.113.2", "10.10.0.2"))),
            (Macs{kClientMac, kServerMac}));
  EXPECT_EQ(of(inwards(tuple("203.0.113.2", "10.10.0.2"), tuple("10.10.0.2", "203.0.113.2"))),
            (Macs{kServerMac, kClientMac}));
  EXPECT_EQ(of(outwards(tuple("2001:db8:1::2", "2001:db8:2::2"),
                        tuple("2001:db8:2::2", "2001:db8:1::2"))),
            (Macs{kClientMac, kServerMac}));
}

// The public address of this router is nobody's neighbour.
TEST_F(MacAddressesTest, AreThoseOfTheInsideHostBehindSourceNat) {
  EXPECT_EQ(of(outwards(tuple("10.10.0.2", "203.0.113.2"), tuple("203.0.113.2", "203.0.113.1"))),
            (Macs{kClientMac, kServerMac}));
}

TEST_F(MacAddressesTest, AreThoseOfTheInsideHostThatAForwardedPortLeadsTo) {
  EXPECT_EQ(of(inwards(tuple("203.0.113.2", "203.0.113.1"), tuple("10.10.0.2", "203.0.113.2"))),
            (Macs{kServerMac, kClientMac}));
}

TEST_F(MacAddressesTest, AreOfTheIpv4AddressOfANat64Responder) {
  EXPECT_EQ(of(outwards(tuple("2001:db8:1::2", "64:ff9b::cb00:7102"),
                        tuple("203.0.113.2", "203.0.113.1"))),
            (Macs{kClientMac, kServerMac}));
}

TEST_F(MacAddressesTest, AreUnknownOfHostsThatAreNoNeighbours) {
  EXPECT_EQ(of(outwards(tuple("10.10.0.3", "198.51.100.1"), tuple("198.51.100.1", "10.10.0.3"))),
            (Macs{0, 0}));
}

// An address that a neighbour had until lately, or that it also has.
TEST_F(MacAddressesTest, AreUnknownBehindAGateway) {
  Flow flow = outwards(tuple("10.10.0.2", "203.0.113.2"), tuple("203.0.113.2", "10.10.0.2"));
  flow.original_routing.next_hop = text_address("203.0.113.254").address;
  EXPECT_EQ(of(flow), (Macs{kClientMac, 0}));
  flow.original_routing.next_hop = {};
  flow.reply_routing.next_hop = text_address("10.10.0.254").address;
  EXPECT_EQ(of(flow), (Macs{0, kServerMac}));
}

// The same address may be in use behind several interfaces.
TEST_F(MacAddressesTest, AreUnknownWhereOnlyAnotherInterfaceHasTheNeighbour) {
  see("10.10.0.9", kOtherIndex, kOtherMac);
  const Flow flow = outwards(tuple("10.10.0.9", "203.0.113.2"), tuple("203.0.113.2", "10.10.0.9"));
  EXPECT_EQ(of(flow), (Macs{0, kServerMac}));
  see("10.10.0.9", kLanIndex, kClientMac);
  EXPECT_EQ(of(flow), (Macs{kClientMac, kServerMac}));
}

TEST_F(MacAddressesTest, AreFoundAtTheInterfaceOfEitherDirection) {
  Flow flow = outwards(tuple("10.10.0.2", "203.0.113.2"), tuple("203.0.113.2", "10.10.0.2"));
  flow.original_interfaces = {kOtherIndex, kWanIndex};  // asymmetric: its packets came another way
  EXPECT_EQ(of(flow), (Macs{kClientMac, kServerMac}));
  flow.original_interfaces = {kLanIndex, 0};
  flow.reply_interfaces = {kWanIndex, 0};
  EXPECT_EQ(of(flow), (Macs{kClientMac, kServerMac}));
}

TEST_F(MacAddressesTest, OfUnknownInterfacesAreThoseThatAllInterfacesAgreeOn) {
  Flow flow = outwards(tuple("10.10.0.2", "203.0.113.2"), tuple("203.0.113.2", "10.10.0.2"));
  flow.original_interfaces = flow.reply_interfaces = {};
  EXPECT_EQ(of(flow), (Macs{kClientMac, kServerMac}));
  see("10.10.0.2", kOtherIndex, kOtherMac);
  EXPECT_EQ(of(flow), (Macs{0, kServerMac}));
}

TEST_F(MacAddressesTest, AreAsOfTheLastPacket) {
  Flow flow = outwards(tuple("10.10.0.2", "203.0.113.2"), tuple("203.0.113.2", "10.10.0.2"));
  now_ += 10min;
  see("10.10.0.2", kLanIndex, kOtherMac);
  EXPECT_EQ(of(flow), (Macs{kClientMac, kServerMac}));
  flow.end = now_;
  EXPECT_EQ(of(flow), (Macs{kOtherMac, kServerMac}));
}

TEST(AsksMacAddresses, WhereALogHasThem) {
  Config config;
  config.log_connections.resize(2);
  EXPECT_FALSE(asks_mac_addresses(config));
  config.log_connections[1].mac_addresses = true;
  EXPECT_TRUE(asks_mac_addresses(config));
}

TEST(AsksMacAddresses, WhereACollectorHasOneOfTheElements) {
  Config config;
  CollectorConfig collector;
  collector.elements = {"octetDeltaCount", "bgpSourceAsNumber"};
  config.collectors = {CollectorConfig(), collector};
  EXPECT_FALSE(asks_mac_addresses(config));
  for (const char* const name : {"sourceMacAddress", "destinationMacAddress", "userName"}) {
    config.collectors[1].elements = {"octetDeltaCount", name};
    EXPECT_TRUE(asks_mac_addresses(config)) << name;
  }
}

}  // namespace
}  // namespace ctflow
