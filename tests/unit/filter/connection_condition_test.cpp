// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/connection_condition.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(ConnectionCondition, WithoutListsMatchesEverything) {
  EXPECT_TRUE(ConnectionCondition({}).matches(Flow{}));
}

TEST(ConnectionCondition, NeedsOneOfEachList) {
  ConnectionMatch match;
  match.protocols = {6};
  match.marks = {{1, 1}};
  const ConnectionCondition condition(match);
  Flow flow;
  flow.original.protocol = 6;
  EXPECT_FALSE(condition.matches(flow));
  flow.mark = 3;
  EXPECT_TRUE(condition.matches(flow));
  flow.original.protocol = 17;
  EXPECT_FALSE(condition.matches(flow));
}

TEST(Allows, IsTrueForAnEmptyList) {
  EXPECT_TRUE(allows({}, Tuple{}, IpAddress{}));
  EXPECT_TRUE(allows_either({}, Tuple{}));
}

}  // namespace
}  // namespace ctflow
