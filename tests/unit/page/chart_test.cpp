// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/chart.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace ctflow::page {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(PageChart, HasAScaleThatHoldsTheMost) {
  EXPECT_EQ(scale_of(0), 1U);
  EXPECT_EQ(scale_of(1), 1U);
  EXPECT_EQ(scale_of(3), 5U);
  EXPECT_EQ(scale_of(5'000'000), 5'000'000U);
  EXPECT_EQ(scale_of(5'000'001), 10'000'000U);
  EXPECT_EQ(scale_of(kMost), kMost);
}

TEST(PageChart, IsEmptyWithoutHours) {
  const std::string chart = course_chart({});
  EXPECT_THAT(chart, Not(HasSubstr("<g>")));
  EXPECT_THAT(chart, Not(HasSubstr("nan")));
}

TEST(PageChart, HasUpAboveDown) {
  const std::string chart = course_chart({{"10:00", 60, 40, true}});
  EXPECT_THAT(chart,
              HasSubstr("<rect class=\"down\" x=\"1\" y=\"40.00\" width=\"8\" height=\"60.00\"/>"));
  EXPECT_THAT(chart,
              HasSubstr("<rect class=\"up\" x=\"1\" y=\"0.00\" width=\"8\" height=\"40.00\"/>"));
  EXPECT_THAT(chart, HasSubstr("<title>10:00: 60 B down, 40 B up</title>"));
}

TEST(PageChart, TellsAnHourWithoutTrafficFromOneThatWasNotCounted) {
  const std::string chart = course_chart({{"10:00", 0, 0, true}, {"11:00", 0, 0, false}});
  EXPECT_THAT(chart, HasSubstr("<title>10:00: 0 B down, 0 B up</title>"));
  EXPECT_THAT(chart, HasSubstr("<title>11:00: not counted</title>"));
  EXPECT_EQ(count_of(chart, "<rect class=\"gap\""), 1U);
  EXPECT_THAT(course_chart({{"10:00", 5, 0, false}}),
              HasSubstr("5 B down, 0 B up, not all of the hour was counted"));
}

TEST(PageChart, HoldsHugeValues) {
  const std::string chart = course_chart({{"10:00", kMost / 2, kMost / 2, true}, {"11:00", 1, 1}});
  EXPECT_THAT(chart, Not(HasSubstr("inf")));
  EXPECT_THAT(chart, HasSubstr("height=\"50.00\""));
}

TEST(PageChart, EscapesWhatItIsGiven) {
  EXPECT_THAT(course_chart({{"</title><script>", 1, 0, true}}), Not(HasSubstr("<script>")));
}

TEST(PageChart, HasABarOfTheShare) {
  EXPECT_THAT(share_bar(1, 4), HasSubstr("class=\"down\" width=\"25.00\""));
  EXPECT_THAT(share_bar(0, 0), HasSubstr("class=\"down\" width=\"0.00\""));
  EXPECT_THAT(share_bar(kMost, 1), HasSubstr("class=\"down\" width=\"100.00\""));
}

}  // namespace
}  // namespace ctflow::page
