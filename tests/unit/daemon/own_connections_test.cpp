// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/own_connections.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

IpAddress address(std::initializer_list<std::uint8_t> octets) {
  IpAddress result;
  std::copy(octets.begin(), octets.end(), result.octets.begin());
  return result;
}

CollectorConfig collector(TransportKind transport = TransportKind::kUdp) {
  CollectorConfig config;
  config.name = "main";
  config.transport = transport;
  return config;
}

TEST(OwnConnections, HaveTheAddressThatTheKernelSendsFrom) {
  OwnConnections own;
  const CollectorConfig udp = collector();
  const CollectorConfig tls = collector(TransportKind::kTls);
  EXPECT_TRUE(own.update({{udp, "127.0.0.2:4739"}, {tls, "127.0.0.2:4740"}}));
  const IpAddress host = address({127, 0, 0, 1});
  const IpAddress remote = address({127, 0, 0, 2});
  EXPECT_EQ(own.all(), (std::vector<OwnConnection>{
                           {AddressFamily::kIpv4, 17, 4739, host, remote},
                           {AddressFamily::kIpv4, 6, 4740, host, remote},
                       }));
  EXPECT_FALSE(own.update({{udp, "127.0.0.2:4739"}})) << "nothing new, and the other one stays";
  EXPECT_EQ(own.all().size(), 2U);
}

TEST(OwnConnections, HaveTheAddressThatIsConfigured) {
  CollectorConfig config = collector();
  config.source_address = "2001:db8::1";
  OwnConnections own;
  EXPECT_TRUE(own.update({{config, "[2001:db8::2]:4739"}}));
  ASSERT_EQ(own.all().size(), 1U);
  EXPECT_EQ(own.all()[0].family, AddressFamily::kIpv6);
  EXPECT_EQ(own.all()[0].local, address({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
}

// Conntrack has packets to such an address as those of IPv4 that they are.
TEST(OwnConnections, AreOfIpv4WhereAnIpv6AddressStandsForOne) {
  OwnConnections own;
  const CollectorConfig plain = collector();
  CollectorConfig given = collector();
  given.source_address = "::ffff:127.0.0.3";
  const IpAddress remote = address({127, 0, 0, 2});
  EXPECT_TRUE(own.update({{plain, "[::ffff:127.0.0.2]:4739"}, {given, "[::ffff:127.0.0.2]:4740"}}));
  EXPECT_EQ(own.all(), (std::vector<OwnConnection>{
                           {AddressFamily::kIpv4, 17, 4739, address({127, 0, 0, 1}), remote},
                           {AddressFamily::kIpv4, 17, 4740, address({127, 0, 0, 3}), remote},
                       }));
}

TEST(OwnConnections, LeaveOutCollectorsWithoutAnAddress) {
  const CollectorConfig udp = collector();
  const CollectorConfig file = collector(TransportKind::kFile);
  OwnConnections own;
  EXPECT_FALSE(own.update({{udp, "collector.example.net"},
                           {udp, "\"\""},
                           {udp, ""},
                           {udp, "127.0.0.1:"},
                           {udp, "127.0.0.1:99999"},
                           {udp, "127.0.0.1:1x"},
                           {file, "127.0.0.1:4739"}}));
  EXPECT_TRUE(own.all().empty());
}

TEST(OwnConnections, ForgetThoseThatWereNotUsedForLongest) {
  OwnConnections own;
  const CollectorConfig udp = collector();
  for (std::size_t i = 0; i < 2 * OwnConnections::kMost; ++i) {
    own.update({{udp, "127.0.0.1:1"}, {udp, "127.0.0.1:" + std::to_string(1000 + i)}});
  }
  ASSERT_EQ(own.all().size(), OwnConnections::kMost);
  const auto has = [&](std::uint16_t port) {
    return std::any_of(own.all().begin(), own.all().end(),
                       [&](const OwnConnection& one) { return one.remote_port == port; });
  };
  EXPECT_TRUE(has(1)) << "in use all the time";
  EXPECT_TRUE(has(1000 + 2 * OwnConnections::kMost - 1));
  EXPECT_FALSE(has(1000));
}

}  // namespace
}  // namespace ctflow
