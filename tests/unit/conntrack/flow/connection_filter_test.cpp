// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/connection_filter.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

IpAddress address(std::initializer_list<std::uint8_t> octets) {
  IpAddress result;
  std::copy(octets.begin(), octets.end(), result.octets.begin());
  return result;
}

const IpAddress kHost = address({192, 0, 2, 1});
const IpAddress kCollector = address({192, 0, 2, 10});

Flow udp(const IpAddress& source, const IpAddress& destination, std::uint16_t source_port = 1000,
         std::uint16_t destination_port = 4739) {
  Flow flow;
  flow.original.family = flow.reply.family = AddressFamily::kIpv4;
  flow.original.protocol = flow.reply.protocol = 17;
  flow.original.source = flow.reply.destination = source;
  flow.original.destination = flow.reply.source = destination;
  flow.original.source_port = source_port;
  flow.original.destination_port = destination_port;
  return flow;
}

Network net(std::initializer_list<std::uint8_t> octets, std::uint8_t length) {
  return {AddressFamily::kIpv4, address(octets), length};
}

class ConnectionFilterTest : public testing::Test {
 protected:
  [[nodiscard]] bool passes(const Flow& flow) const {
    return ConnectionFilter(config_).passes(flow);
  }

  SourceConfig config_;
  Flow flow_ = udp(kHost, kCollector);
};

TEST_F(ConnectionFilterTest, LetsEverythingPassAtFirst) { EXPECT_TRUE(passes(flow_)); }

TEST_F(ConnectionFilterTest, LetsOnlyTheZonesPassThatAreAskedFor) {
  config_.zones = {7, 9};
  EXPECT_FALSE(passes(flow_));
  flow_.original.zone = 9;
  EXPECT_TRUE(passes(flow_));
}

TEST_F(ConnectionFilterTest, AnEntryMatchesWithOneValueOfEachOfItsLists) {
  ConnectionMatch& match = config_.filter.include.emplace_back();
  match.protocols = {6, 17};
  match.sources = {net({10}, 8), net({192, 0, 2, 0}, 28)};
  match.destinations = {net({192, 0, 2, 10}, 32)};
  match.marks = {{1, 0xffff'ffff}, {16, 240}};
  EXPECT_FALSE(passes(flow_)) << "the mark";
  flow_.mark = 0x1f;
  EXPECT_TRUE(passes(flow_));
  flow_.original.protocol = 1;
  EXPECT_FALSE(passes(flow_));
  flow_.original.protocol = 6;
  flow_.original.source = address({192, 0, 2, 16});
  EXPECT_FALSE(passes(flow_));
}

TEST_F(ConnectionFilterTest, NetworksAreThoseOfEitherEnd) {
  config_.filter.include.emplace_back().networks = {net({192, 0, 2, 8}, 29)};
  EXPECT_TRUE(passes(flow_));
  EXPECT_TRUE(passes(udp(kCollector, kHost)));
  EXPECT_FALSE(passes(udp(kHost, kHost)));
}

TEST_F(ConnectionFilterTest, KeepsTheFamiliesApart) {
  config_.filter.exclude.emplace_back().networks = {{AddressFamily::kIpv6, {}, 0}};
  EXPECT_TRUE(passes(flow_));
  flow_.original.family = AddressFamily::kIpv6;
  EXPECT_FALSE(passes(flow_));
}

TEST_F(ConnectionFilterTest, ExcludedIsExcludedAlsoWhereIncluded) {
  config_.filter.include.emplace_back().protocols = {17};
  config_.filter.exclude.emplace_back().marks = {{3, 3}};
  EXPECT_TRUE(passes(flow_));
  flow_.mark = 7;
  EXPECT_FALSE(passes(flow_));
}

class OwnTrafficTest : public ConnectionFilterTest {
 protected:
  [[nodiscard]] bool passes(const Flow& flow) const {
    ConnectionFilter filter(config_);
    filter.set_own_traffic({{AddressFamily::kIpv4, 17, 4739, kHost, kCollector}});
    return filter.passes(flow);
  }
};

TEST_F(OwnTrafficTest, IsLeftOutWhoeverSentFirst) {
  EXPECT_FALSE(passes(flow_));
  EXPECT_FALSE(passes(udp(kCollector, kHost, 4739, 1000)));
}

TEST_F(OwnTrafficTest, IsOnlyThatOfThisHostToThisPortByThisProtocol) {
  EXPECT_TRUE(passes(udp(address({192, 0, 2, 2}), kCollector))) << "another exporter behind us";
  EXPECT_TRUE(passes(udp(kHost, kCollector, 1000, 4740)));
  EXPECT_TRUE(passes(udp(kHost, kCollector, 4739, 1000)))
      << "its source port is not the collector's";
  flow_.original.protocol = 6;
  EXPECT_TRUE(passes(flow_));
}

TEST_F(OwnTrafficTest, PassesIfAsked) {
  config_.own_traffic = OwnTraffic::kInclude;
  EXPECT_TRUE(passes(flow_));
}

}  // namespace
}  // namespace ctflow
