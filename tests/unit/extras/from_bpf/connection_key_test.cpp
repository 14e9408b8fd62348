// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/connection_key.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace ctflow {
namespace {

std::vector<int> octets_of(const ctflow_nf_key& key) {
  std::vector<int> octets(sizeof key);
  for (std::size_t i = 0; i < sizeof key; ++i) {
    octets[i] = reinterpret_cast<const std::uint8_t*>(&key)[i];
  }
  return octets;
}

Tuple udp() {
  Tuple tuple;
  tuple.source.octets = {10, 0, 0, 1};
  tuple.destination.octets = {192, 0, 2, 7};
  tuple.source_port = 0x1234;
  tuple.destination_port = 53;
  tuple.family = AddressFamily::kIpv4;
  tuple.protocol = 17;
  return tuple;
}

TEST(ConnectionKey, HasPortsInNetworkByteOrder) {
  Flow flow;
  flow.original = udp();
  const auto key = octets_of(connection_key(flow));
  ASSERT_EQ(key.size(), 40U);
  EXPECT_EQ(std::vector<int>(key.begin(), key.begin() + 4), (std::vector<int>{10, 0, 0, 1}));
  EXPECT_EQ(std::vector<int>(key.begin() + 16, key.begin() + 20), (std::vector<int>{192, 0, 2, 7}));
  EXPECT_EQ(std::vector<int>(key.begin() + 32, key.begin() + 36),
            (std::vector<int>{0x12, 0x34, 0, 53}));
  EXPECT_EQ(key[38], 2) << "AF_INET";
  EXPECT_EQ(key[39], 17);
}

TEST(ConnectionKey, HasTypeCodeAndIdentifierOfIcmp) {
  Flow flow;
  flow.original.family = AddressFamily::kIpv6;
  flow.original.protocol = 58;
  flow.original.icmp_id = 0x0102;
  flow.original.icmp_type = 128;
  flow.original.icmp_code = 3;
  const auto key = octets_of(connection_key(flow));
  EXPECT_EQ(std::vector<int>(key.begin() + 32, key.begin() + 36), (std::vector<int>{1, 2, 128, 3}));
  EXPECT_EQ(key[38], 10) << "AF_INET6";
}

TEST(ConnectionKey, HasTheZoneOfTheOriginalDirection) {
  Flow flow;
  flow.original = udp();
  flow.reply.zone = 7;
  EXPECT_EQ(connection_key(flow).zone, 0);
  flow.original.zone = 5;
  EXPECT_EQ(connection_key(flow).zone, 5);
}

}  // namespace
}  // namespace ctflow
