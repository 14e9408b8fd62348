// SPDX-License-Identifier: GPL-2.0-or-later
// Days of the log, which are UTC, and the files that they are in.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctflow/flow.hpp"

namespace ctflow::nat {

using Day = std::chrono::sys_days;

/// Wall-clock time as the files have it.
using Moment = std::chrono::sys_time<std::chrono::milliseconds>;

inline Moment moment_of(TimePoint time) {
  return std::chrono::floor<std::chrono::milliseconds>(time);
}
inline Day day_of(Moment time) { return std::chrono::floor<std::chrono::days>(time); }

/// `nat-YYYYmmdd.sqlite`.
std::string file_name(Day day);

/// The day of a file of this name; nothing: it is no file of the log.
std::optional<Day> day_in(std::string_view name);

/// The days whose files are in a directory, the oldest first. Throws std::filesystem_error.
std::vector<Day> list_days(const std::string& directory);

/// RFC 3339 with `Z` or an offset, seconds with or without a fraction. Nothing: it is no such time.
std::optional<Moment> parse_time(std::string_view text);

}  // namespace ctflow::nat
