// SPDX-License-Identifier: GPL-2.0-or-later
// A line is written for every flow report: that must not allocate.
#include <gtest/gtest.h>

#include "allocations.hpp"
#include "connection_log/line.hpp"
#include "support/sample_flows.hpp"

namespace ctflow {
namespace {

TEST(ConnectionLogAllocation, IsNotDoneForAnyLine) {
  InterfaceNames names;
  names.set(7, "lan0");
  names.set(0x21222324, "a-longer-name.1");
  const LineContext context{1, "a-network-namespace", &names, true, true};
  std::string lines;
  lines.reserve(16 * kLongestLine);
  const std::size_t before = test::allocations();
  for (Flow flow : {test::sample::tcp(), test::sample::snat(), test::sample::icmp_nat(),
                    test::sample::nat66(), test::sample::icmpv6_nat64()}) {
    flow.initiator_mac = 0x02005e005301;
    flow.initiator_origin = {4'200'000'001, {'D', 'E'}};
    append_line(lines, flow, context);
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_GT(lines.size(), 2000U);
}

}  // namespace
}  // namespace ctflow
