// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/profile.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ctflow {
namespace {

TEST(Profile, HasARowEach) {
  std::set<std::string_view> names;
  for (const ProfileRow& row : profiles()) {
    EXPECT_EQ(&row_of(row.profile), &row);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
  EXPECT_EQ(names.size(), 6U);
}

TEST(Profile, WantsReportsWithCountersOrTranslationsThatBeginAndEnd) {
  for (const ProfileRow& row : profiles()) {
    const bool nat = row.layout == LayoutKind::kNatEvents;
    EXPECT_EQ(row.wants, nat ? FlowKinds::nat_events() : FlowKinds::reports()) << row.name;
    EXPECT_EQ(row.counts, !nat) << row.name;
  }
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
