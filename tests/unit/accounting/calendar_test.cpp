// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/calendar.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <optional>
#include <random>
#include <string>

#include "support/seed.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;

constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";

Minute utc(int y, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  return Minute(sys_days(year(y) / static_cast<int>(month) / static_cast<int>(day))) +
         std::chrono::hours(hour) + std::chrono::minutes(minute);
}

Calendar calendar(const std::string& zone, const PeriodConfig& period = {}) {
  return {TimeZone::find(zone).value(), period};
}

PeriodConfig day_of_month(int day) {
  PeriodConfig period;
  period.day = day;
  return period;
}

TEST(Calendar, CutsMinutesAndHoursInUtc) {
  const Calendar berlin = calendar(kBerlin);
  const Minute minute = utc(2026, 11, 23, 10, 42);
  EXPECT_EQ(berlin.interval_of(Level::kMinute, minute), (Interval{minute, minute + 1min}));
  EXPECT_EQ(berlin.interval_of(Level::kHour, minute),
            (Interval{utc(2026, 11, 23, 10), utc(2026, 11, 23, 11)}));
}

TEST(Calendar, CutsDaysInTheTimeZone) {
  EXPECT_EQ(calendar(kBerlin).interval_of(Level::kDay, utc(2026, 11, 23, 23, 30)),
            (Interval{utc(2026, 11, 23, 23), utc(2026, 11, 24, 23)}));
  EXPECT_EQ(calendar(kBerlin).interval_of(Level::kDay, utc(2026, 11, 23, 22, 59)),
            (Interval{utc(2026, 11, 22, 23), utc(2026, 11, 23, 23)}));
}

TEST(Calendar, GivesADay23Or25HoursWhenClocksChange) {
  const Calendar berlin = calendar(kBerlin);
  const Interval spring = berlin.interval_of(Level::kDay, utc(2026, 3, 29, 12));
  EXPECT_EQ(spring, (Interval{utc(2026, 3, 28, 23), utc(2026, 3, 29, 22)}));
  EXPECT_EQ(spring.until - spring.from, 23h);
  const Interval autumn = berlin.interval_of(Level::kDay, utc(2026, 10, 25, 12));
  EXPECT_EQ(autumn, (Interval{utc(2026, 10, 24, 22), utc(2026, 10, 25, 23)}));
  EXPECT_EQ(autumn.until - autumn.from, 25h);
}

TEST(Calendar, BeginsADayWithoutMidnightWhenItsDateBegins) {
  // Clocks go from 0:00 to 1:00.
  const Interval day =
      calendar("AAA3BBB,J100/0,J300/0").interval_of(Level::kDay, utc(2026, 4, 10, 12));
  EXPECT_EQ(day.from, utc(2026, 4, 10, 3));
  EXPECT_EQ(day.until - day.from, 23h);
}

TEST(Calendar, CutsHoursWithTheDaysOfZonesThatAreHalfAnHourOff) {
  EXPECT_EQ(calendar("IST-5:30").interval_of(Level::kHour, utc(2026, 11, 23, 18, 35)),
            (Interval{utc(2026, 11, 23, 18, 30), utc(2026, 11, 23, 19, 30)}));
  EXPECT_EQ(calendar("IST-5:30").interval_of(Level::kDay, utc(2026, 11, 23, 18, 35)).from,
            utc(2026, 11, 23, 18, 30));
  EXPECT_EQ(calendar("NST3:30").interval_of(Level::kHour, utc(2026, 11, 23, 18, 35)).from,
            utc(2026, 11, 23, 18, 30));
}

TEST(Calendar, CutsAnHourWhereClocksChangeByHalfOfOne) {
  const Calendar lord_howe = calendar("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0");
  for (const auto& [from, until] : {std::pair(utc(2026, 10, 2), utc(2026, 10, 6)),
                                    std::pair(utc(2026, 4, 3), utc(2026, 4, 7))}) {
    std::size_t halves = 0;
    for (const Level level : {Level::kHour, Level::kDay}) {
      Interval last = lord_howe.interval_of(level, from);
      for (Minute minute = from; minute < until; minute += 1min) {
        const Interval now = lord_howe.interval_of(level, minute);
        ASSERT_TRUE(now.from <= minute && minute < now.until);
        const Interval day = lord_howe.interval_of(Level::kDay, minute);
        ASSERT_TRUE(day.from <= now.from && now.until <= day.until);
        if (now == last) continue;
        ASSERT_EQ(now.from, last.until);
        if (level == Level::kHour && now.until - now.from == 30min) ++halves;
        last = now;
      }
    }
    EXPECT_EQ(halves, 1U);
  }
}

TEST(Calendar, BeginsADayOnceWhereClocksGoBackOverMidnight) {
  // From 0:30 to 23:30, and from 0:00 to 23:00.
  const Calendar half_past = calendar("AAA3BBB,J100/0,J300/0:30");
  const Interval day = half_past.interval_of(Level::kDay, utc(2026, 10, 27, 12));
  EXPECT_EQ(day, (Interval{utc(2026, 10, 27, 2), utc(2026, 10, 28, 3)}));
  EXPECT_EQ(half_past.interval_of(Level::kDay, utc(2026, 10, 27, 2, 45)), day) << "23:45 once more";
  EXPECT_EQ(half_past.interval_of(Level::kDay, utc(2026, 10, 27, 1, 59)).until, day.from);
  const Calendar santiago = calendar("<-04>4<-03>,M9.1.6/24,M4.1.6/24");
  EXPECT_EQ(santiago.interval_of(Level::kDay, utc(2026, 4, 5, 3, 30)),
            (Interval{utc(2026, 4, 4, 3), utc(2026, 4, 5, 4)}));
}

/// The library of C as witness, which has one time zone at a time.
class LocalTime {
 public:
  explicit LocalTime(const std::string& zone) {
    if (const char* const before = getenv("TZ")) before_ = before;
    setenv("TZ", zone.c_str(), 1);
    tzset();
  }
  ~LocalTime() {
    before_ ? setenv("TZ", before_->c_str(), 1) : unsetenv("TZ");
    tzset();
  }
  LocalTime(const LocalTime&) = delete;
  LocalTime& operator=(const LocalTime&) = delete;
  LocalTime(LocalTime&&) = delete;
  LocalTime& operator=(LocalTime&&) = delete;

  static std::tm at(Minute minute) {
    const std::time_t time = std::chrono::system_clock::to_time_t(minute);
    std::tm local{};
    localtime_r(&time, &local);
    return local;
  }
  /// The date, to be compared.
  static int date(Minute minute) {
    const std::tm local = at(minute);
    return (local.tm_year * 12 + local.tm_mon) * 31 + local.tm_mday;
  }

 private:
  std::optional<std::string> before_;
};

/// Around a change of clocks, if there is one within a year after `from`.
Minute near_a_change(Minute from, std::mt19937& random) {
  const long offset = LocalTime::at(from).tm_gmtoff;
  for (int day = 1; day < 366; ++day) {
    const Minute then = from + std::chrono::days(day);
    if (LocalTime::at(then).tm_gmtoff == offset) continue;
    return then + std::chrono::minutes(std::uniform_int_distribution(-2880, 1440)(random));
  }
  return from;
}

TEST(Calendar, AgreesWithTheLibraryOfC) {
  const unsigned seed = test::any_seed();
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> years(0, 14 * 366 * 24 * 60);
  std::uniform_int_distribution<int> days_of_month(1, 31);
  for (const std::string zone :
       {"America/Havana", "Asia/Beirut", "America/Santiago", "Atlantic/Azores", "America/Nuuk",
        "Africa/Cairo", "Africa/Casablanca", "Asia/Gaza", "Australia/Lord_Howe", "Europe/Berlin",
        "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns", "Antarctica/Troll",
        "AAA3BBB,J100/0,J300/0:30", "AAA-3BBB,M4.1.0/0:01,M10.1.0/0:01"}) {
    if (!TimeZone::find(zone)) continue;  // without tzdata
    const LocalTime witness(zone);
    for (int i = 0; i < 300; ++i) {
      Minute minute = utc(2026, 1, 1) + std::chrono::minutes(years(random));
      if (i % 2 == 0) minute = near_a_change(minute, random);
      const int wanted = days_of_month(random);
      const Calendar one = calendar(zone, day_of_month(wanted));
      const auto text = [&] {
        return fmt::format("CTFLOWD_SEED={} {} {}", seed, zone, minute.time_since_epoch().count());
      };
      const Interval day = one.interval_of(Level::kDay, minute);
      ASSERT_TRUE(day.from <= minute && minute < day.until) << text();
      ASSERT_EQ(one.interval_of(Level::kDay, day.from), day) << text();
      ASSERT_EQ(one.interval_of(Level::kDay, day.until - 1min), day) << text();
      ASSERT_EQ(one.interval_of(Level::kDay, day.until).from, day.until) << text();
      ASSERT_EQ(one.interval_of(Level::kDay, day.from - 1min).until, day.from) << text();
      // The first minute of its date.
      ASSERT_LT(LocalTime::date(day.from - 1min), LocalTime::date(day.from)) << text();
      ASSERT_LE(LocalTime::date(minute), LocalTime::date(day.from)) << text();
      const Interval hour = one.interval_of(Level::kHour, minute);
      ASSERT_TRUE(hour.from <= minute && minute < hour.until) << text();
      ASSERT_TRUE(day.from <= hour.from && hour.until <= day.until) << text();
      ASSERT_TRUE(LocalTime::at(hour.from).tm_min == 0 || hour.until - hour.from < 1h ||
                  LocalTime::at(hour.from).tm_gmtoff != LocalTime::at(hour.from - 1min).tm_gmtoff)
          << text();
      const Interval period = one.interval_of(Level::kPeriod, minute);
      ASSERT_TRUE(period.from <= day.from && day.until <= period.until) << text();
      ASSERT_EQ(one.interval_of(Level::kPeriod, period.until).from, period.until) << text();
      ASSERT_EQ(one.interval_of(Level::kDay, period.from).from, period.from) << text();
      const std::tm begin = LocalTime::at(period.from);
      const std::chrono::year_month month =
          year(begin.tm_year + 1900) / std::chrono::month(static_cast<unsigned>(begin.tm_mon) + 1);
      const auto last = static_cast<unsigned>((month / std::chrono::last).day());
      ASSERT_EQ(begin.tm_mday, std::min(wanted, static_cast<int>(last))) << text();
    }
  }
}

TEST(Calendar, BeginsPeriodsOnADayOfTheMonth) {
  const auto of = [](int day, Minute minute) {
    return calendar("UTC", day_of_month(day)).interval_of(Level::kPeriod, minute);
  };
  EXPECT_EQ(of(1, utc(2026, 11, 23)), (Interval{utc(2026, 11, 1), utc(2026, 12, 1)}));
  EXPECT_EQ(of(24, utc(2026, 11, 23)), (Interval{utc(2026, 10, 24), utc(2026, 11, 24)}));
  EXPECT_EQ(of(23, utc(2026, 11, 23)), (Interval{utc(2026, 11, 23), utc(2026, 12, 23)}));
  EXPECT_EQ(of(31, utc(2026, 2, 28)), (Interval{utc(2026, 2, 28), utc(2026, 3, 31)}));
  EXPECT_EQ(of(31, utc(2026, 2, 27)), (Interval{utc(2026, 1, 31), utc(2026, 2, 28)}));
  EXPECT_EQ(of(-1, utc(2024, 2, 29)), (Interval{utc(2024, 2, 29), utc(2024, 3, 31)}));
  EXPECT_EQ(of(-2, utc(2026, 11, 28)), (Interval{utc(2026, 10, 30), utc(2026, 11, 29)}));
  EXPECT_EQ(of(-31, utc(2026, 2, 1)), (Interval{utc(2026, 2, 1), utc(2026, 3, 1)}));
  EXPECT_EQ(of(1, utc(2027, 1, 1)), (Interval{utc(2027, 1, 1), utc(2027, 2, 1)}));
}

TEST(Calendar, BeginsPeriodsEverySoManyDays) {
  PeriodConfig period;
  period.first = sys_days(year(2026) / 10 / 1);
  period.every = std::chrono::days(14);
  const Calendar utc_calendar = calendar("UTC", period);
  EXPECT_EQ(utc_calendar.interval_of(Level::kPeriod, utc(2026, 10, 14, 23, 59)),
            (Interval{utc(2026, 10, 1), utc(2026, 10, 15)}));
  EXPECT_EQ(utc_calendar.interval_of(Level::kPeriod, utc(2026, 10, 15)),
            (Interval{utc(2026, 10, 15), utc(2026, 10, 29)}));
  EXPECT_EQ(utc_calendar.interval_of(Level::kPeriod, utc(2026, 9, 30)),
            (Interval{utc(2026, 9, 17), utc(2026, 10, 1)}));
  EXPECT_EQ(utc_calendar.interval_of(Level::kPeriod, utc(2026, 9, 17)),
            (Interval{utc(2026, 9, 17), utc(2026, 10, 1)}));
  EXPECT_EQ(utc_calendar.interval_of(Level::kPeriod, utc(2026, 9, 16)),
            (Interval{utc(2026, 9, 3), utc(2026, 9, 17)}));
}

TEST(Calendar, PutsEveryMinuteIntoOneIntervalOfEachLevel) {
  const Calendar berlin = calendar(kBerlin, day_of_month(-2));
  for (const Level level : {Level::kHour, Level::kDay, Level::kPeriod}) {
    Interval last = berlin.interval_of(level, utc(2026, 1, 1));
    for (Minute minute = utc(2026, 1, 1); minute < utc(2026, 12, 31); minute += 53min) {
      const Interval now = berlin.interval_of(level, minute);
      ASSERT_TRUE(now.from <= minute && minute < now.until);
      if (now == last) continue;
      ASSERT_EQ(now.from, last.until);
      last = now;
    }
  }
}

}  // namespace
}  // namespace ctflow::accounting
