// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/time_text.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace ctflow::text {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::sys_seconds kLeapDay{1'709'251'199s};

TEST(TimeText, IsAsLongAsItsReaderNeeds) {
  EXPECT_EQ(date_text(std::chrono::floor<std::chrono::days>(kLeapDay)), "2024-02-29");
  EXPECT_EQ(date_text(std::chrono::floor<std::chrono::days>(kLeapDay), ""), "20240229");
  EXPECT_EQ(clock_text(kLeapDay), "23:59");
  EXPECT_EQ(minute_text(kLeapDay), "2024-02-29 23:59");
  EXPECT_EQ(second_text(kLeapDay), "2024-02-29 23:59:59");
  EXPECT_EQ(utc_text(kLeapDay), "2024-02-29T23:59:59Z");
  EXPECT_EQ(exact_utc_text(kLeapDay + 7ms), "2024-02-29T23:59:59.007Z");
  EXPECT_EQ(compact_utc_text(kLeapDay), "20240229T235959Z");
}

TEST(TimeText, IsRoundedDownBefore1970) {
  EXPECT_EQ(exact_utc_text(std::chrono::sys_time<std::chrono::milliseconds>(-1ms)),
            "1969-12-31T23:59:59.999Z");
}

TEST(TimeText, FollowsAPatternUpToTheLongestName) {
  EXPECT_EQ(time_by_pattern(kLeapDay, "flows-%Y%m%d.ipfix"), "flows-20240229.ipfix");
  EXPECT_EQ(time_by_pattern(kLeapDay, std::string(600, 'x')), "");
}

}  // namespace
}  // namespace ctflow::text
