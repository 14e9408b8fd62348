// SPDX-License-Identifier: GPL-2.0-or-later
// The intervals that a minute is in.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "accounting/amounts.hpp"
#include "ctflow/accounting_config.hpp"
#include "time_zone/time_zone.hpp"

namespace ctflow::accounting {

/// No clock that is set shows less: a machine without a battery begins in 1970.
inline constexpr std::chrono::sys_days kEarliest{std::chrono::year(2026) / 1 / 1};

/// The numbers are those of the database.
enum class Level : std::uint8_t { kMinute, kHour, kDay, kPeriod };
inline constexpr std::size_t kLevels = 4;
inline constexpr std::array<Level, kLevels> kAllLevels{Level::kMinute, Level::kHour, Level::kDay,
                                                       Level::kPeriod};

/// From the first to before the other.
struct Interval {
  Minute from{};
  Minute until{};

  friend bool operator==(const Interval&, const Interval&) = default;
};

/// Days and periods begin with a day of the time zone: a day has 23 or 25 hours when clocks change.
/// A day begins once: where clocks go back over midnight it is that of what they show twice.
/// Hours are those of UTC, in zones that are half an hour off those of the zone.
class Calendar {
 public:
  Calendar(TimeZone zone, const PeriodConfig& period) : zone_(std::move(zone)), period_(period) {}

  [[nodiscard]] Interval interval_of(Level level, Minute minute) const;

  /// The local time, as if it were UTC.
  [[nodiscard]] std::chrono::sys_seconds local(Minute minute) const;
  /// When this day of the time zone begins.
  [[nodiscard]] Minute begin_of(std::chrono::sys_days local_day) const;

 private:
  [[nodiscard]] std::chrono::sys_days day_of(Minute minute) const;
  [[nodiscard]] Interval hour_of(Minute minute) const;
  [[nodiscard]] Interval period_of(Minute minute) const;
  /// The first day of the period that begins in this month.
  [[nodiscard]] std::chrono::sys_days begin_in(std::chrono::year_month month) const;

  TimeZone zone_;
  PeriodConfig period_;
};

/// By `time_zone` and `period`.
Calendar calendar_of(const AccountingConfig& config);

}  // namespace ctflow::accounting
