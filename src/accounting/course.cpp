// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/course.hpp"

#include <algorithm>

namespace ctflow::accounting {

std::vector<HourAmounts> course_of(const Database& database, const Report& report,
                                   const Calendar& calendar) {
  constexpr std::size_t kDay = 25;  // hours of a day, with those that are not whole
  Statement sums(database,
                 "SELECT sum(down_octets), sum(up_octets), sum(down_packets), sum(up_packets), "
                 "sum(connections) FROM usage WHERE level = ?1 AND aggregate = ?2 AND time = ?3 "
                 "AND direction IN (0, 1)");
  std::vector<HourAmounts> course;
  course.reserve(kDay);
  const auto number = [&](int column) { return static_cast<std::uint64_t>(sums.number(column)); };
  for (Minute at = report.from; at < report.until;) {
    HourAmounts one{calendar.interval_of(Level::kHour, at), {}};
    sums.bind(1, static_cast<std::int64_t>(Level::kHour)).bind(2, report.aggregate_id);
    sums.bind(3, seconds_of(one.hour.from));
    if (sums.step()) one.amounts = {number(0), number(1), number(2), number(3), number(4)};
    sums.reset();
    course.push_back(one);
    at = std::max(one.hour.until, at + std::chrono::minutes(1));
  }
  return course;
}

bool has_gap(const Report& report, const Interval& hour) {
  return std::any_of(report.gaps.begin(), report.gaps.end(), [&](const Gap& gap) {
    return gap.from < hour.until && gap.until > hour.from;
  });
}

}  // namespace ctflow::accounting
