// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/people_text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace ctflow::text {
namespace {

TEST(PeopleText, HasThreeDigitsInUnitsOfThousand) {
  EXPECT_EQ(people_text(0), "0 B");
  EXPECT_EQ(people_text(999), "999 B");
  EXPECT_EQ(people_text(1000), "1.0 kB");
  EXPECT_EQ(people_text(38'200'000'000), "38.2 GB");
  EXPECT_EQ(people_text(99'950'000), "100 MB");
}

TEST(PeopleText, GoesOnInTheLastUnit) {
  EXPECT_EQ(people_text(std::numeric_limits<std::uint64_t>::max()), "18447 PB");
}

TEST(PeopleText, GroupsCounts) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(14'020), "14 020");
  EXPECT_EQ(count_text(1'000'000), "1 000 000");
  EXPECT_EQ(count_text(18446744073709551615U), "18 446 744 073 709 551 615");
}

TEST(PeopleText, HasTheWordsOfOneOrOfOthers) {
  EXPECT_EQ(count_text(0, "line waits", "lines wait"), "0 lines wait");
  EXPECT_EQ(count_text(1, "line waits", "lines wait"), "1 line waits");
  EXPECT_EQ(count_text(14'020, "line waits", "lines wait"), "14 020 lines wait");
}

TEST(PeopleText, HasRatesInBits) {
  EXPECT_EQ(rate_text(0), "0 bit/s");
  EXPECT_EQ(rate_text(12'340'000), "12.3 Mbit/s");
  EXPECT_EQ(rate_text(999.6), "1.0 kbit/s");
}

}  // namespace
}  // namespace ctflow::text
