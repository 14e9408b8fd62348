// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/day.hpp"

#include <gtest/gtest.h>

#include "text/time_text.hpp"

namespace ctflow::nat {
namespace {

TEST(FileName, IsReadBack) {
  const Day day = day_of(*parse_time("2026-11-23T23:59:59.999Z"));
  EXPECT_EQ(file_name(day), "nat-20261123.sqlite");
  EXPECT_EQ(day_in(file_name(day)), day);
  for (const char* const other : {"nat-20261123.sqlite-wal", "nat-20261323.sqlite",
                                  "nat-2026112a.sqlite", "nat-20261123.sqlitf", "lock", ""}) {
    EXPECT_EQ(day_in(other), std::nullopt) << other;
  }
}

TEST(ParseTime, TakesOffsetsAndFractions) {
  EXPECT_EQ(text::exact_utc_text(*parse_time("2026-11-23T10:00:00+01:00")),
            "2026-11-23T09:00:00.000Z");
  EXPECT_EQ(text::exact_utc_text(*parse_time("2026-11-23T00:30:00.25-05:30")),
            "2026-11-23T06:00:00.250Z");
  EXPECT_EQ(text::exact_utc_text(*parse_time("2026-11-23t10:00:00.123456z")),
            "2026-11-23T10:00:00.123Z");
  EXPECT_EQ(text::exact_utc_text(*parse_time("1969-12-31T23:59:59.5Z")),
            "1969-12-31T23:59:59.500Z");
}

TEST(ParseTime, TakesNothingElse) {
  for (const char* const text :
       {"", "2026-11-23", "2026-11-23T10:00:00", "2026-11-23T10:00Z", "2026-02-30T10:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T10:60:00Z", "2026-11-23T10:00:00.Z",
        "2026-11-23T10:00:00+1:00", "2026-11-23T10:00:00+0100", "2026-11-23T10:00:00Zx", "now",
        "2026-1-23T10:00:00Z", "2026-11-23T10:00:00+24:00"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ctflow::nat
