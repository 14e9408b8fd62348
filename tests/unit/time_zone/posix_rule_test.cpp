// SPDX-License-Identifier: GPL-2.0-or-later
#include "time_zone/posix_rule.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>

namespace ctflow {
namespace {

using namespace std::chrono_literals;

/// The library of C is the witness, with the zone of TZ.
std::chrono::seconds offset_by_libc(std::chrono::sys_seconds time) {
  const std::time_t value = time.time_since_epoch().count();
  std::tm local{};
  localtime_r(&value, &local);
  return std::chrono::seconds(local.tm_gmtoff);
}

TEST(PosixRule, AgreesWithTheLibraryOfC) {
  for (const std::string text :
       {"CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "NZST-12NZDT,M9.5.0,M4.1.0/3", "UTC0",
        "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "IST-1GMT0,M10.5.0,M3.5.0/1", "AAA-3BBB,J60/0,J300/0",
        "AAA3BBB,59/2,299/2"}) {
    const auto rule = parse_posix_rule(text);
    ASSERT_TRUE(rule) << text;
    setenv("TZ", text.c_str(), 1);
    tzset();
    for (auto time =
             std::chrono::sys_seconds(std::chrono::sys_days(std::chrono::year(2023) / 1 / 1));
         time < std::chrono::sys_days(std::chrono::year(2026) / 1 / 1); time += 30min) {
      ASSERT_EQ(rule->offset_at(time).count(), offset_by_libc(time).count())
          << text << " at " << time.time_since_epoch().count();
    }
    unsetenv("TZ");
    tzset();
  }
}

TEST(PosixRule, RefusesWhatIsNone) {
  for (const char* text :
       {"", "CE", "CET", "CET-", "CET-1x", "CET-25", "CET-1CEST", "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0x", "CET-1CEST,J0,J1", "<CET-1", "<C>-1",
        "CET-1CEST,M3.5.0/168,M10.5.0"}) {
    EXPECT_FALSE(parse_posix_rule(text)) << text;
  }
}

}  // namespace
}  // namespace ctflow
