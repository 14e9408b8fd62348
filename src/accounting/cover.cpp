// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/cover.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "accounting/schema.hpp"

namespace ctflow::accounting {
namespace {

/// No interval of a level is longer; periods may be.
constexpr std::array<std::chrono::hours, kLevels - 1> kLongest{
    std::chrono::hours(1), std::chrono::hours(1), std::chrono::hours(48)};

/// Before it no interval begins that has a part of a time from `from` on.
std::int64_t earliest_begin(Level level, Minute from) {
  const auto number = static_cast<std::size_t>(level);
  return number < kLongest.size() ? seconds_of(from - kLongest.at(number)) : 0;
}

/// Those of one level within a time, and what they leave. Where the time zone or the period was set
/// anew, intervals overlap, and what was counted is in one of them: only all of them together have
/// the sums of their time.
class LevelCover {
 public:
  LevelCover(const Database& database, Minute now)
      : select_(database,
                "SELECT time, until FROM interval WHERE level = ?1 AND time >= ?4 AND time < ?3 "
                "AND until > ?2 ORDER BY time"),
        now_(now) {}

  void cover(Level level, Interval time, std::vector<Piece>& to, std::vector<Interval>& left) {
    at_ = time.from;
    select_.bind(1, static_cast<std::int64_t>(level)).bind(2, seconds_of(time.from));
    select_.bind(3, seconds_of(time.until)).bind(4, earliest_begin(level, time.from));
    while (select_.step()) {
      const Piece one{level, minute_at(select_.number(0)), minute_at(select_.number(1))};
      if (one.from >= group_end_) end_group(time, to, left);
      group_.push_back(one);
      group_end_ = std::max(group_end_, one.until);
    }
    select_.reset();
    end_group(time, to, left);
    if (at_ < time.until) left.push_back({at_, time.until});
  }

 private:
  /// Takes those that overlap, or leaves them if one is not within the time.
  void end_group(const Interval& time, std::vector<Piece>& to, std::vector<Interval>& left) {
    const bool within = std::all_of(group_.begin(), group_.end(), [&](const Piece& one) {
      const bool goes_on = time.until > now_ && one.from <= now_;
      return one.from >= time.from && (one.until <= time.until || goes_on);
    });
    if (within && !group_.empty()) {
      if (group_.front().from > at_) left.push_back({at_, group_.front().from});
      to.insert(to.end(), group_.begin(), group_.end());
      at_ = group_end_;
    }
    group_.clear();
    group_end_ = Minute::min();
  }

  Statement select_;
  Minute now_;
  Minute at_{};               ///< what is before it is covered, or left
  std::vector<Piece> group_;  ///< intervals that overlap, the earliest first
  Minute group_end_ = Minute::min();
};

/// Rows of each level that began before it were removed.
std::array<Minute, kLevels> removed_before(const Database& database) {
  std::array<Minute, kLevels> times{};
  for (std::size_t level = 0; level < kLevels; ++level) {
    const auto removed = meta_value(database, fmt::format("removed_before_{}", level));
    times.at(level) = removed ? minute_at(*removed) : Minute::min();
  }
  return times;
}

}  // namespace

Minute kept_begin(const Database& database, Minute from) {
  const auto removed = removed_before(database);
  Statement around(database,
                   "SELECT time FROM interval WHERE level = ?1 AND time <= ?2 AND until > ?2 "
                   "ORDER BY time LIMIT 1");
  for (const Level level : kAllLevels) {
    const auto number = static_cast<std::int64_t>(level);
    if (removed.at(static_cast<std::size_t>(level)) > from) continue;
    if (level == Level::kMinute) return from;
    around.bind(1, number).bind(2, seconds_of(from));
    const Minute begin = around.step() ? minute_at(around.number(0)) : from;
    around.reset();
    return begin;
  }
  return from;  // before all that there is
}

std::vector<Piece> cover(const Database& database, Interval time, Minute now,
                         std::vector<Interval>& left) {
  std::vector<Piece> pieces;
  left = {time};
  LevelCover one(database, now);
  for (auto level = kAllLevels.rbegin(); level != kAllLevels.rend(); ++level) {
    std::vector<Interval> still_left;
    for (const Interval& part : left) one.cover(*level, part, pieces, still_left);
    left = std::move(still_left);
  }
  return pieces;
}

std::vector<Interval> not_kept(const Database& database, const std::vector<Interval>& left) {
  const auto removed = removed_before(database);
  Statement around(database,
                   "SELECT 1 FROM interval WHERE level = ?1 AND time < ?3 AND until > ?2 LIMIT 1");
  // What begins and ends within the time is in a piece, and a minute always does.
  const auto has_more = [&](const Interval& part) {
    const auto kept = std::find_if(kAllLevels.begin(), kAllLevels.end(), [&](Level level) {
      return removed.at(static_cast<std::size_t>(level)) <= part.from;
    });
    if (kept == kAllLevels.end()) return true;
    around.bind(1, static_cast<std::int64_t>(*kept));
    around.bind(2, seconds_of(part.from)).bind(3, seconds_of(part.until));
    const bool found = around.step();
    around.reset();
    return found;
  };
  std::vector<Interval> unknown;
  for (const Interval& one : left) {
    std::set<Minute> cuts{one.from, one.until};
    for (const Minute cut : removed) {
      if (cut > one.from && cut < one.until) cuts.insert(cut);
    }
    for (auto from = cuts.begin(), until = std::next(from); until != cuts.end(); ++from, ++until) {
      if (!has_more({*from, *until})) continue;
      if (!unknown.empty() && unknown.back().until == *from) {
        unknown.back().until = *until;
      } else {
        unknown.push_back({*from, *until});
      }
    }
  }
  return unknown;
}

}  // namespace ctflow::accounting
