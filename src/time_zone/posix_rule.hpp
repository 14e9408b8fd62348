// SPDX-License-Identifier: GPL-2.0-or-later
// The rule of a time zone as the environment variable TZ has it (POSIX, RFC 9636 section 3.3.1).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ctflow {

/// When daylight saving time begins or ends, each year.
struct RuleDate {
  enum class Kind : std::uint8_t {
    kMonthWeekDay,  ///< weekday `day` (0 = Sunday) of week `week` (5 = last) of `month`
    kJulian,        ///< day 1 to 365, 29 February is never counted
    kZeroBased,     ///< day 0 to 365, 29 February is counted
  };
  Kind kind = Kind::kMonthWeekDay;
  int month = 1;
  int week = 1;
  int day = 0;
  std::chrono::seconds time{std::chrono::hours(2)};  ///< of the clock before; may be another day
};

struct PosixRule {
  std::chrono::seconds standard{0};  ///< east of UTC
  std::chrono::seconds daylight{0};  ///< east of UTC
  bool has_daylight = false;
  RuleDate begins{};
  RuleDate ends{};

  /// East of UTC, at this time.
  [[nodiscard]] std::chrono::seconds offset_at(std::chrono::sys_seconds time) const;
};

/// Nothing: it is none. "CET-1CEST,M3.5.0,M10.5.0/3"
std::optional<PosixRule> parse_posix_rule(std::string_view text);

}  // namespace ctflow
