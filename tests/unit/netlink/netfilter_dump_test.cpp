// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/netfilter_dump.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(NetfilterDump, AsksWithOneAttributeOrNone) {
  const DumpRequest plain = netfilter_request({1, 2, 10});
  EXPECT_EQ(plain.type, 0x0102);
  EXPECT_EQ(plain.payload, (std::vector<std::byte>{std::byte{10}, {}, {}, {}}));
  const DumpRequest with = netfilter_request({1, 2, 10, 3, 0x01020304});
  ASSERT_EQ(with.payload.size(), 12U);
  Attributes attributes(Bytes(with.payload).subspan(4));
  Attribute attribute;
  std::uint32_t value = 0;
  ASSERT_TRUE(attributes.next(attribute));
  EXPECT_EQ(attribute.type, 3);
  EXPECT_TRUE(read_integer(attribute, value));
  EXPECT_EQ(value, 0x01020304U);
}

TEST(NetfilterDump, ReturnsTheKernelsErrorForASubsystemThatIsNone) {
  int answers = 0;
  const std::error_code error =
      dump_netfilter({250, 0, 0}, [&](std::uint8_t, Bytes) { ++answers; });
  // Without the privilege the kernel does not even look.
  EXPECT_TRUE(error == std::errc::invalid_argument || error == std::errc::operation_not_permitted)
      << error.message();
  EXPECT_EQ(answers, 0);
}

}  // namespace
}  // namespace ctflow
