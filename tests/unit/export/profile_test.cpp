// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/profile.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ctflow {
namespace {

Flow flow_with(FlowEvent event, std::uint32_t status) {
  Flow flow;
  flow.event = event;
  flow.status = status;
  return flow;
}

TEST(Profile, HasARowEach) {
  std::set<std::string_view> names;
  for (const ProfileRow& row : profiles()) {
    EXPECT_EQ(&row_of(row.profile), &row);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
  EXPECT_EQ(names.size(), 6U);
}

TEST(Profile, OfFlowsWantsReportsWithCounters) {
  for (const ProfileRow& row : profiles()) {
    if (row.layout == LayoutKind::kNatEvents) continue;
    for (const std::uint32_t status : {0U, status::kSourceNat}) {
      EXPECT_TRUE(row.wants(flow_with(FlowEvent::kEnded, status))) << row.name;
      EXPECT_TRUE(row.wants(flow_with(FlowEvent::kReported, status))) << row.name;
      EXPECT_FALSE(row.wants(flow_with(FlowEvent::kCreated, status))) << row.name;
      EXPECT_FALSE(row.wants(flow_with(FlowEvent::kEndedBefore, status))) << row.name;
    }
    EXPECT_TRUE(row.counts) << row.name;
  }
}

TEST(Profile, OfNatEventsWantsBeginAndEndOfTranslations) {
  const ProfileRow& row = row_of(Profile::kNatEvents);
  for (const std::uint32_t status : {status::kSourceNat, status::kDestinationNat}) {
    EXPECT_TRUE(row.wants(flow_with(FlowEvent::kCreated, status)));
    EXPECT_TRUE(row.wants(flow_with(FlowEvent::kEnded, status)));
    EXPECT_TRUE(row.wants(flow_with(FlowEvent::kEndedBefore, status)));
    EXPECT_FALSE(row.wants(flow_with(FlowEvent::kReported, status)));
  }
  EXPECT_FALSE(row.wants(flow_with(FlowEvent::kCreated, 0)));
  EXPECT_FALSE(row.wants(flow_with(FlowEvent::kEnded, 0)));
  EXPECT_FALSE(row.counts);
}

TEST(Profile, DoesNotRepeatOptionsToNfdumpOverIpfix) {
  for (const ProfileRow& row : profiles()) {
    EXPECT_TRUE(row.repeats_options(Protocol::kNetflow9)) << row.name;
    EXPECT_EQ(row.repeats_options(Protocol::kIpfix), row.profile != Profile::kNfdump) << row.name;
  }
}

TEST(Profile, NfdumpAndAkvoradoHaveTheDefaultTemplates) {
  EXPECT_EQ(row_of(Profile::kNfdump).layout, LayoutKind::kDefault);
  EXPECT_EQ(row_of(Profile::kAkvorado).layout, LayoutKind::kDefault);
}

}  // namespace
}  // namespace ctflow
