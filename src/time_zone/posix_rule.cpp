// SPDX-License-Identifier: GPL-2.0-or-later
#include "time_zone/posix_rule.hpp"

#include "text/number_text.hpp"

namespace ctflow {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Reads from the front of a text. Each function says whether what it asks for was there.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool done() const { return rest_.empty(); }
  [[nodiscard]] bool next_is(char c) const { return !rest_.empty() && rest_.front() == c; }

  bool take(char c) {
    if (!next_is(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool number(int most, int& to) {
    constexpr std::size_t kDigits = 3;
    std::size_t digits = 0;
    int value = 0;
    while (digits < rest_.size() && digits <= kDigits && text::is_digit(rest_[digits])) {
      value = value * 10 + (rest_[digits++] - '0');
    }
    if (digits == 0 || digits > kDigits || value > most) return false;
    rest_.remove_prefix(digits);
    to = value;
    return true;
  }

  /// At least three letters, or anything of letters, digits and signs in angle brackets.
  bool name() {
    constexpr std::size_t kShortest = 3;
    std::size_t length = 0;
    if (take('<')) {
      while (length < rest_.size() && rest_[length] != '>') {
        const char c = rest_[length];
        if (!is_letter(c) && !text::is_digit(c) && c != '+' && c != '-') return false;
        ++length;
      }
      if (length < kShortest || length == rest_.size()) return false;
      rest_.remove_prefix(length + 1);
      return true;
    }
    while (length < rest_.size() && is_letter(rest_[length])) ++length;
    if (length < kShortest) return false;
    rest_.remove_prefix(length);
    return true;
  }

  /// [+-]hh[:mm[:ss]]
  bool time(int most_hours, seconds& to) {
    const bool negative = take('-');
    if (!negative) take('+');
    int hour = 0;
    int minute = 0;
    int second = 0;
    constexpr int kMost = 59;
    if (!number(most_hours, hour)) return false;
    if (take(':') && !number(kMost, minute)) return false;
    if (take(':') && !number(kMost, second)) return false;
    to = hours(hour) + minutes(minute) + seconds(second);
    if (negative) to = -to;
    return true;
  }

 private:
  std::string_view rest_;
};

bool read_date(Reader& reader, RuleDate& to) {
  constexpr int kMostHours = 167;  // RFC 9636: POSIX has 24
  constexpr int kLastDay = 365;
  if (reader.take('M')) {
    to.kind = RuleDate::Kind::kMonthWeekDay;
    if (!reader.number(12, to.month) || to.month == 0 || !reader.take('.')) return false;
    if (!reader.number(5, to.week) || to.week == 0 || !reader.take('.')) return false;
    if (!reader.number(6, to.day)) return false;
  } else if (reader.take('J')) {
    to.kind = RuleDate::Kind::kJulian;
    if (!reader.number(kLastDay, to.day) || to.day == 0) return false;
  } else {
    to.kind = RuleDate::Kind::kZeroBased;
    if (!reader.number(kLastDay, to.day)) return false;
  }
  return !reader.take('/') || reader.time(kMostHours, to.time);
}

sys_days day_in(std::chrono::year year, const RuleDate& date) {
  const sys_days january = year / std::chrono::January / 1;
  switch (date.kind) {
    case RuleDate::Kind::kJulian: {
      constexpr int kFirstOfMarch = 60;
      const bool later = year.is_leap() && date.day >= kFirstOfMarch;
      return january + days(date.day - (later ? 0 : 1));
    }
    case RuleDate::Kind::kZeroBased:
      return january + days(date.day);
    case RuleDate::Kind::kMonthWeekDay:
      break;
  }
  const std::chrono::month month(static_cast<unsigned>(date.month));
  const std::chrono::weekday weekday(static_cast<unsigned>(date.day));
  constexpr int kLast = 5;
  if (date.week == kLast) return sys_days(year / month / weekday[std::chrono::last]);
  return sys_days(year / month / weekday[static_cast<unsigned>(date.week)]);
}

}  // namespace

seconds PosixRule::offset_at(sys_seconds time) const {
  if (!has_daylight) return standard;
  const auto local_day = std::chrono::floor<days>(time + standard);
  const std::chrono::year year = std::chrono::year_month_day(local_day).year();
  const sys_seconds begin = day_in(year, begins) + begins.time - standard;
  const sys_seconds end = day_in(year, ends) + ends.time - daylight;
  const bool saving = begin < end ? time >= begin && time < end : !(time >= end && time < begin);
  return saving ? daylight : standard;
}

std::optional<PosixRule> parse_posix_rule(std::string_view text) {
  constexpr int kMostHours = 24;
  Reader reader(text);
  PosixRule rule;
  if (!reader.name() || !reader.time(kMostHours, rule.standard)) return std::nullopt;
  rule.standard = -rule.standard;  // POSIX counts west of UTC
  if (reader.done()) return rule;
  if (!reader.name()) return std::nullopt;
  rule.has_daylight = true;
  rule.daylight = rule.standard + hours(1);
  if (!reader.done() && !reader.next_is(',')) {
    if (!reader.time(kMostHours, rule.daylight)) return std::nullopt;
    rule.daylight = -rule.daylight;
  }
  // Without dates POSIX leaves them open: those of another country would surprise.
  if (!reader.take(',') || !read_date(reader, rule.begins)) return std::nullopt;
  if (!reader.take(',') || !read_date(reader, rule.ends)) return std::nullopt;
  return reader.done() ? std::optional(rule) : std::nullopt;
}

}  // namespace ctflow
