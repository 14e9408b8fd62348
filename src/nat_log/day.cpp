// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/day.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "text/time_text.hpp"

namespace ctflow::nat {
namespace {

constexpr std::string_view kPrefix = "nat-";
constexpr std::string_view kSuffix = ".sqlite";

/// Takes `count` digits from the front. Negative: there are fewer.
int take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Day> make_day(int year, int month, int day) {
  if (year < 0 || month < 0 || day < 0) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  return Day(date);
}

/// A fraction of a second, if there is one; digits beyond milliseconds are left out.
std::optional<std::chrono::milliseconds> take_fraction(std::string_view& text) {
  if (!take(text, ".")) return std::chrono::milliseconds(0);
  int value = 0;
  int scale = 1000;
  bool any = false;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    any = true;
    if (scale == 1) continue;
    scale /= 10;
    value += (text.front() - '0') * scale;
  }
  if (!any) return std::nullopt;
  return std::chrono::milliseconds(value);
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
  if (take(text, "Zz")) return std::chrono::minutes(0);
  const bool west = !text.empty() && text.front() == '-';
  if (!take(text, "+-")) return std::nullopt;
  const int hours = take_digits(text, 2);
  if (!take(text, ":")) return std::nullopt;
  const int minutes = take_digits(text, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  const std::chrono::minutes offset(hours * 60 + minutes);
  return west ? -offset : offset;
}

std::optional<std::chrono::seconds> take_clock(std::string_view& text) {
  const int hour = take_digits(text, 2);
  if (!take(text, ":")) return std::nullopt;
  const int minute = take_digits(text, 2);
  if (!take(text, ":")) return std::nullopt;
  const int second = take_digits(text, 2);
  const bool valid = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 &&
                     second <= 60;  // a leap second
  if (!valid) return std::nullopt;
  return std::chrono::seconds(hour * 3600 + minute * 60 + second);
}

}  // namespace

std::string file_name(Day day) {
  return fmt::format("{}{}{}", kPrefix, text::date_text(day, ""), kSuffix);
}

std::optional<Day> day_in(std::string_view name) {
  if (name.size() != kPrefix.size() + 8 + kSuffix.size() || name.substr(0, 4) != kPrefix ||
      name.substr(12) != kSuffix) {
    return std::nullopt;
  }
  name.remove_prefix(kPrefix.size());
  const int year = take_digits(name, 4);
  const int month = take_digits(name, 2);
  return make_day(year, month, take_digits(name, 2));
}

std::vector<Day> list_days(const std::string& directory) {
  std::vector<Day> days;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (const auto day = day_in(entry.path().filename().string())) days.push_back(*day);
  }
  std::sort(days.begin(), days.end());
  return days;
}

std::optional<Moment> parse_time(std::string_view text) {
  const int year = take_digits(text, 4);
  if (!take(text, "-")) return std::nullopt;
  const int month = take_digits(text, 2);
  if (!take(text, "-")) return std::nullopt;
  const auto day = make_day(year, month, take_digits(text, 2));
  if (!day || !take(text, "Tt ")) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock) return std::nullopt;
  const auto fraction = take_fraction(text);
  const auto offset = fraction ? take_offset(text) : std::nullopt;
  if (!offset || !text.empty()) return std::nullopt;
  return Moment(*day) + *clock + *fraction - *offset;
}

}  // namespace ctflow::nat
