// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/check_levels.hpp"

#include <fmt/format.h>

#include <array>
#include <map>
#include <utility>

#include "accounting/calendar.hpp"

namespace ctflow::accounting {
namespace {

constexpr std::size_t kNumbers = 5;
using Sums = std::map<std::pair<std::int64_t, std::int64_t>, std::array<std::int64_t, kNumbers>>;

constexpr std::array<const char*, kLevels> kLevelNames{"minute", "hour", "day", "period"};

/// By aggregate and direction.
Sums sums_in(Statement& select, const std::vector<std::int64_t>& aggregates, std::int64_t level,
             std::int64_t from, std::int64_t until) {
  Sums sums;
  for (const std::int64_t aggregate : aggregates) {
    select.bind(1, level).bind(2, aggregate).bind(3, from).bind(4, until);
    while (select.step()) {
      auto& one = sums[{aggregate, select.number(0)}];
      for (std::size_t i = 0; i < kNumbers; ++i) one.at(i) = select.number(static_cast<int>(i) + 1);
    }
    select.reset();
  }
  return sums;
}

}  // namespace

std::vector<std::string> check_database(const Database& database) {
  std::vector<std::string> wrong;
  for (Statement integrity(database, "PRAGMA integrity_check"); integrity.step();) {
    if (integrity.text(0) != "ok") wrong.push_back(integrity.text(0));
  }
  if (!wrong.empty()) return wrong;  // what is damaged has no sums
  std::vector<std::int64_t> aggregates;
  for (Statement ids(database, "SELECT id FROM aggregate"); ids.step();) {
    aggregates.push_back(ids.number(0));
  }
  // Intervals that overlap another of their level are of another time zone or period.
  Statement intervals(
      database,
      "SELECT time, until FROM interval AS one WHERE level = ?1 AND time >= coalesce((SELECT value "
      "FROM meta WHERE name = 'removed_before_' || (?1 - 1)), 0) AND NOT EXISTS (SELECT 1 FROM "
      "interval AS other WHERE other.level = ?1 AND other.time <> one.time AND other.time < "
      "one.until AND other.until > one.time AND other.time > one.time - (SELECT max(until - time) "
      "FROM interval WHERE level = ?1))");
  Statement select(database,
                   "SELECT direction, sum(down_octets), sum(up_octets), sum(down_packets), "
                   "sum(up_packets), sum(connections) FROM usage WHERE level = ?1 AND "
                   "aggregate = ?2 AND time >= ?3 AND time < ?4 GROUP BY direction");
  for (std::int64_t level = 1; level < static_cast<std::int64_t>(kLevels); ++level) {
    for (intervals.bind(1, level); intervals.step();) {
      const std::int64_t from = intervals.number(0);
      const std::int64_t until = intervals.number(1);
      const Sums upper = sums_in(select, aggregates, level, from, from + 1);
      const Sums lower = sums_in(select, aggregates, level - 1, from, until);
      if (upper == lower) continue;
      wrong.push_back(fmt::format("the {} at {} has other sums than the {}s in it",
                                  kLevelNames.at(static_cast<std::size_t>(level)), from,
                                  kLevelNames.at(static_cast<std::size_t>(level) - 1)));
    }
    intervals.reset();
  }
  return wrong;
}

}  // namespace ctflow::accounting
