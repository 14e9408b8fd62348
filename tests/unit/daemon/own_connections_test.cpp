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

RemotePeer by_udp(const std::string& endpoint, const std::string& source_address = "") {
  return {endpoint, true, source_address};
}

TEST(OwnConnections, HaveTheAddressThatTheKernelSendsFrom) {
  OwnConnections own;
  EXPECT_TRUE(own.update({by_udp("127.0.0.2:4739"), {"127.0.0.2:4740"}}));
  const IpAddress host = address({127, 0, 0, 1});
  const IpAddress remote = address({127, 0, 0, 2});
  EXPECT_EQ(own.all(), (std::vector<OwnConnection>{
                           {AddressFamily::kIpv4, 17, 4739, host, remote},
                           {AddressFamily::kIpv4, 6, 4740, host, remote},
                       }));
  EXPECT_FALSE(own.update({by_udp("127.0.0.2:4739")})) << "nothing new, and the other one stays";
  EXPECT_EQ(own.all().size(), 2U);
}

TEST(OwnConnections, HaveTheAddressThatIsConfigured) {
  OwnConnections own;
  EXPECT_TRUE(own.update({by_udp("[2001:db8::2]:4739", "2001:db8::1")}));
  ASSERT_EQ(own.all().size(), 1U);
  EXPECT_EQ(own.all()[0].family, AddressFamily::kIpv6);
  EXPECT_EQ(own.all()[0].local, address({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
}

// Conntrack has packets to such an address as those of IPv4 that they are.
TEST(OwnConnections, AreOfIpv4WhereAnIpv6AddressStandsForOne) {
  OwnConnections own;
  const IpAddress remote = address({127, 0, 0, 2});
  EXPECT_TRUE(own.update(
      {by_udp("[::ffff:127.0.0.2]:4739"), by_udp("[::ffff:127.0.0.2]:4740", "::ffff:127.0.0.3")}));
  EXPECT_EQ(own.all(), (std::vector<OwnConnection>{
                           {AddressFamily::kIpv4, 17, 4739, address({127, 0, 0, 1}), remote},
                           {AddressFamily::kIpv4, 17, 4740, address({127, 0, 0, 3}), remote},
                       }));
}

TEST(OwnConnections, LeaveOutPeersWithoutAnAddress) {
  OwnConnections own;
  EXPECT_FALSE(own.update({by_udp("collector.example.net"),
                           by_udp("\"\""),
                           by_udp(""),
                           by_udp("127.0.0.1:"),
                           by_udp("127.0.0.1:99999"),
                           by_udp("127.0.0.1:1x"),
                           {"/run/logs"}}));
  EXPECT_TRUE(own.all().empty());
}

TEST(OwnConnections, ForgetThoseThatWereNotUsedForLongest) {
  OwnConnections own;
  for (std::size_t i = 0; i < 2 * OwnConnections::kMost; ++i) {
    own.update({by_udp("127.0.0.1:1"), by_udp("127.0.0.1:" + std::to_string(1000 + i))});
  }
  ASSERT_EQ(own.all().size(), OwnConnections::kMost + 2);
  const auto has = [&](std::uint16_t port) {
    return std::any_of(own.all().begin(), own.all().end(),
                       [&](const OwnConnection& one) { return one.remote_port == port; });
  };
  EXPECT_TRUE(has(1)) << "in use all the time";
  EXPECT_TRUE(has(1000 + 2 * OwnConnections::kMost - 1));
  EXPECT_FALSE(has(1000));
}

TEST(OwnConnections, KeepAllThatAreInUse) {
  constexpr std::size_t kCollectors = 3 * OwnConnections::kMost;
  std::vector<RemotePeer> collectors;
  for (std::size_t i = 0; i < kCollectors; ++i) {
    collectors.push_back(by_udp("127.0.0.1:" + std::to_string(1000 + i)));
  }
  OwnConnections own;
  EXPECT_TRUE(own.update(collectors));
  EXPECT_EQ(own.all().size(), kCollectors);
  EXPECT_FALSE(own.update(collectors));
}

}  // namespace
}  // namespace ctflow
