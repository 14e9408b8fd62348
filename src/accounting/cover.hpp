// SPDX-License-Identifier: GPL-2.0-or-later
// Which intervals of which levels make up a time.
#pragma once

#include <vector>

#include "accounting/calendar.hpp"
#include "sqlite/sqlite.hpp"

namespace ctflow::accounting {

struct Piece {
  Level level = Level::kMinute;
  Minute from{};
  Minute until{};
};

/// `from`, or the beginning of the shortest interval around it that is kept.
Minute kept_begin(const Database& database, Minute from);

/// The longest intervals that lie within the time, then shorter ones for what is left. `now`: an
/// interval that has begun and goes on is within a time that reaches until then. What was counted
/// is in one piece at most; a minute that is in none has no rows. Pieces overlap only where the
/// time zone or the period was set anew. `left`: the times that are in none.
std::vector<Piece> cover(const Database& database, Interval time, Minute now,
                         std::vector<Interval>& left);

/// Of times that are in no piece those of which more may have been counted: it was removed, or is
/// kept only together with what is not of the time.
std::vector<Interval> not_kept(const Database& database, const std::vector<Interval>& left);

}  // namespace ctflow::accounting
