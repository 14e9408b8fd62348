// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/time_text.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace ctflow::text {
namespace {

using std::chrono::days;
using std::chrono::sys_seconds;

/// Hours, minutes and seconds of its day, with `between`.
std::string full_clock_text(sys_seconds time, std::string_view between = ":") {
  const std::chrono::hh_mm_ss clock(time - std::chrono::floor<days>(time));
  return fmt::format("{:02}{}{:02}{}{:02}", clock.hours().count(), between, clock.minutes().count(),
                     between, clock.seconds().count());
}

std::string date_of(sys_seconds time, std::string_view between = "-") {
  return date_text(std::chrono::floor<days>(time), between);
}

}  // namespace

std::string date_text(std::chrono::sys_days day, std::string_view between) {
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}{}{:02}{}{:02}", static_cast<int>(date.year()), between,
                     static_cast<unsigned>(date.month()), between,
                     static_cast<unsigned>(date.day()));
}

std::string clock_text(sys_seconds time) {
  constexpr std::size_t kWithoutSeconds = 5;
  return full_clock_text(time).substr(0, kWithoutSeconds);
}

std::string minute_text(sys_seconds time) { return date_of(time) + ' ' + clock_text(time); }

std::string second_text(sys_seconds time) { return date_of(time) + ' ' + full_clock_text(time); }

std::string utc_text(sys_seconds time) { return date_of(time) + 'T' + full_clock_text(time) + 'Z'; }

std::string exact_utc_text(std::chrono::sys_time<std::chrono::milliseconds> time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{}T{}.{:03}Z", date_of(whole), full_clock_text(whole),
                     (time - whole).count());
}

std::string compact_utc_text(sys_seconds time) {
  return date_of(time, "") + 'T' + full_clock_text(time, "") + 'Z';
}

std::string time_by_pattern(sys_seconds time, const std::string& pattern) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 512> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), pattern.c_str(), &utc);
  return {text.data(), length};
}

}  // namespace ctflow::text
