// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/address_prefix.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(AddressPrefix, ComparesTheBitsOfItsLength) {
  IpAddress net;
  net.octets = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0x80};
  const AddressPrefix prefix({AddressFamily::kIpv6, net, 65});
  Tuple tuple;
  tuple.family = AddressFamily::kIpv6;
  IpAddress inside = net;
  inside.octets[8] = 0xff;
  inside.octets[15] = 1;
  EXPECT_TRUE(prefix.contains(tuple, inside));
  inside.octets[8] = 0x7f;
  EXPECT_FALSE(prefix.contains(tuple, inside));
  tuple.family = AddressFamily::kIpv4;
  EXPECT_FALSE(prefix.contains(tuple, net));
}

TEST(AddressPrefix, OfNoLengthIsTheWholeFamily) {
  const AddressPrefix all({AddressFamily::kIpv4, {}, 0});
  Tuple tuple;
  tuple.family = AddressFamily::kIpv4;
  IpAddress any;
  any.octets = {255, 255, 255, 255};
  EXPECT_TRUE(all.contains(tuple, any));
}

}  // namespace
}  // namespace ctflow
