// SPDX-License-Identifier: GPL-2.0-or-later
#include "findings/table_fill.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(NearlyFull, BeginsAtNineTenths) {
  EXPECT_FALSE(nearly_full(899, 1000));
  EXPECT_TRUE(nearly_full(900, 1000));
  EXPECT_FALSE(nearly_full(5, 0)) << "no limit";
}

TEST(TableNearlyFull, AdvisesTwiceTheLimit) {
  EXPECT_FALSE(table_nearly_full(899, 1000));
  const auto finding = table_nearly_full(900, 1000);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->name, "table_nearly_full");
  EXPECT_EQ(finding->fix, "sysctl -w net.netfilter.nf_conntrack_max=2000");
  EXPECT_EQ(finding->impact.substr(0, 20), "900 of 1 000 entries");
}

}  // namespace
}  // namespace ctflow
