// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/prune.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "accounting/calendar.hpp"

namespace ctflow::accounting {
namespace {

/// An interval is removed when all of it is older: one that goes on, or that has a part that is
/// kept, would have wrong sums when something is added to it again.
std::int64_t begin_of_kept(const Database& database, std::int64_t level, std::int64_t before) {
  Statement around(database,
                   "SELECT min(time) FROM interval WHERE level = ?1 AND time < ?2 AND until > ?2");
  around.bind(1, level).bind(2, before).step();
  return around.is_null(0) ? before : around.number(0);
}

}  // namespace

Pruned prune_rows(const Database& database, const AccountingRetention& keep, TimePoint now,
                  UnusedKeys unused) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  const std::array<seconds, kLevels> kept{duration_cast<seconds>(keep.minutes), keep.hours,
                                          keep.days, keep.periods};
  Statement aggregates(database, "SELECT id FROM aggregate");
  Statement usage(database, "DELETE FROM usage WHERE level = ? AND aggregate = ? AND time < ?");
  Statement intervals(database, "DELETE FROM interval WHERE level = ? AND time < ?");
  Statement causes(database, "DELETE FROM cause WHERE level = ? AND time < ?");
  // Not later than now: a clock that was ahead may have left such a time.
  Statement removed_before(database,
                           "INSERT INTO meta VALUES(?1, ?2) ON CONFLICT DO UPDATE SET value = "
                           "min(max(value, excluded.value), ?3)");
  Pruned removed;
  // To the minute: the oldest minute that is kept stays whole.
  const Minute minute = std::chrono::floor<std::chrono::minutes>(now);
  const std::int64_t today = seconds_of(minute);
  std::int64_t oldest = today;
  for (const Level level : kAllLevels) {
    const auto number = static_cast<std::int64_t>(level);
    const std::int64_t before =
        begin_of_kept(database, number, today - kept.at(static_cast<std::size_t>(level)).count());
    oldest = std::min(oldest, before);
    for (aggregates.reset(); aggregates.step();) {
      usage.bind(1, number).bind(2, aggregates.number(0)).bind(3, before).run();
      removed.rows += database.changes();
    }
    intervals.bind(1, number).bind(2, before).run();
    causes.bind(1, number).bind(2, before).run();
    const std::string name = "removed_before_" + std::to_string(number);
    removed_before.bind(1, name).bind(2, before).bind(3, today).run();
  }
  aggregates.reset();
  Statement gaps(database, "DELETE FROM gap WHERE ended < ?");
  gaps.bind(1, oldest).run();
  if (removed.rows == 0 || unused == UnusedKeys::kKeep) return removed;
  Statement keys(database, "DELETE FROM key WHERE id NOT IN (SELECT key FROM usage)");
  keys.run();
  removed.keys = database.changes();
  return removed;
}

}  // namespace ctflow::accounting
