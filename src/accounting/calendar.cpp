// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/calendar.hpp"

#include <algorithm>

namespace ctflow::accounting {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year_month;
using std::chrono::year_month_day;

sys_seconds Calendar::local(Minute minute) const { return minute + zone_.offset_at(minute); }

/// A day that has begun goes on where clocks go back to the date before it.
sys_days Calendar::day_of(Minute minute) const {
  const sys_days date = floor<days>(local(minute));
  return begin_of(date + days(1)) <= minute ? date + days(1) : date;
}

/// By looking between two times that are surely before and after it: a zone may leave midnight out.
/// Where it has midnight twice, the first one counts.
Minute Calendar::begin_of(sys_days local_day) const {
  constexpr hours kFarthest{30};  // a zone is never so far from UTC
  Minute before = Minute(local_day) - kFarthest;
  const Minute midnight = floor<minutes>(local_day - zone_.offset_at(before));
  if (local(midnight) == local_day) return midnight;
  Minute after = Minute(local_day) + kFarthest;
  while (after - before > minutes(1)) {
    const Minute middle = before + (after - before) / 2;
    (floor<days>(local(middle)) < local_day ? before : after) = middle;
  }
  return after;
}

Interval Calendar::interval_of(Level level, Minute minute) const {
  switch (level) {
    case Level::kMinute:
      return {minute, minute + minutes(1)};
    case Level::kHour:
      return hour_of(minute);
    case Level::kDay: {
      const sys_days day = day_of(minute);
      return {begin_of(day), begin_of(day + days(1))};
    }
    case Level::kPeriod:
      break;
  }
  return period_of(minute);
}

Interval Calendar::hour_of(Minute minute) const {
  const auto shift_at = [&](Minute at) { return floor<minutes>(zone_.offset_at(at)) % hours(1); };
  const auto shift = shift_at(minute);
  Minute from = floor<hours>(minute + shift) - shift;
  Minute until = from + hours(1);
  // Where clocks change by half an hour, the hour is cut there.
  while (shift_at(from) != shift) from += minutes(1);
  while (shift_at(until - minutes(1)) != shift) until -= minutes(1);
  return {from, until};
}

sys_days Calendar::begin_in(year_month month) const {
  const int last = static_cast<int>(static_cast<unsigned>((month / std::chrono::last).day()));
  const int day = period_.day > 0 ? period_.day : last + 1 + period_.day;
  return sys_days(month / std::chrono::day(static_cast<unsigned>(std::clamp(day, 1, last))));
}

Interval Calendar::period_of(Minute minute) const {
  const sys_days day = day_of(minute);
  if (period_.every.count() > 0) {
    const auto since = day - period_.first;
    const auto number = since.count() >= 0 ? since / period_.every
                                           : -((period_.every - days(1) - since) / period_.every);
    const sys_days from = period_.first + number * period_.every;
    return {begin_of(from), begin_of(from + period_.every)};
  }
  const year_month_day date(day);
  year_month month = date.year() / date.month();
  if (begin_in(month) > day) month -= std::chrono::months(1);
  return {begin_of(begin_in(month)), begin_of(begin_in(month + std::chrono::months(1)))};
}

Calendar calendar_of(const AccountingConfig& config) {
  return {TimeZone::find(config.time_zone).value_or(TimeZone()), config.period};
}

}  // namespace ctflow::accounting
