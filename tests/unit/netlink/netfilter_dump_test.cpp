// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/netfilter_dump.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

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
