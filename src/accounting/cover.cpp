// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/cover.hpp"

#include <algorithm>

namespace ctflow::accounting {
namespace {

/// Those of one level within a time, and what they leave.
class LevelCover {
 public:
  LevelCover(const Database& database, Minute now)
      : select_(database,
                "SELECT time, until FROM interval WHERE level = ?1 AND time >= ?2 AND time < ?3 "
                "ORDER BY time"),
        now_(now) {}

  void cover(Level level, Interval time, std::vector<Piece>& to, std::vector<Interval>& left) {
    Minute at = time.from;
    select_.bind(1, static_cast<std::int64_t>(level)).bind(2, seconds_of(time.from));
    select_.bind(3, seconds_of(time.until));
    while (select_.step()) {
      const Minute from = minute_at(select_.number(0));
      const Minute until = minute_at(select_.number(1));
      const bool within = until <= time.until || (time.until > now_ && from <= now_);
      // Where the settings of the time zone changed, days may overlap.
      if (from < at || !within) continue;
      if (from > at) left.push_back({at, from});
      to.push_back({level, from, until});
      at = until;
    }
    select_.reset();
    if (at < time.until) left.push_back({at, time.until});
  }

 private:
  Statement select_;
  Minute now_;
};

}  // namespace

Minute kept_begin(const Database& database, Minute from) {
  Statement removed(database,
                    "SELECT value FROM meta WHERE name = 'removed_before_' || ?1 AND value > ?2");
  Statement around(database,
                   "SELECT time FROM interval WHERE level = ?1 AND time <= ?2 AND until > ?2 "
                   "ORDER BY time DESC LIMIT 1");
  for (const Level level : kAllLevels) {
    const auto number = static_cast<std::int64_t>(level);
    const bool kept = !removed.bind(1, number).bind(2, seconds_of(from)).step();
    removed.reset();
    if (!kept) continue;
    if (level == Level::kMinute) return from;
    around.bind(1, number).bind(2, seconds_of(from));
    const Minute begin = around.step() ? minute_at(around.number(0)) : from;
    around.reset();
    return begin;
  }
  return from;  // before all that there is
}

std::vector<Piece> cover(const Database& database, Interval time, Minute now) {
  std::vector<Piece> pieces;
  std::vector<Interval> left{time};
  LevelCover one(database, now);
  for (auto level = kAllLevels.rbegin(); level != kAllLevels.rend(); ++level) {
    std::vector<Interval> still_left;
    for (const Interval& part : left) one.cover(*level, part, pieces, still_left);
    left = std::move(still_left);
  }
  return pieces;
}

}  // namespace ctflow::accounting
