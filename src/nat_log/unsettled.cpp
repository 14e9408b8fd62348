// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/unsettled.hpp"

#include <algorithm>
#include <utility>

#include "nat_log/holes.hpp"
#include "nat_log/store.hpp"

namespace ctflow::nat {

void Unsettled::find_before() {
  std::vector<Hole> last;  // one reading of the table ends all that there are
  for (Hole& hole : files_.holes(from_ - Store::kLateEnds, from_)) {
    const bool before = hole.ended && *hole.ended < from_;
    // Before the first start there were no rows.
    if (!before || hole.reason == name_of(HoleReason::kLogBegan)) continue;
    if (!last.empty() && *hole.ended < *last.front().ended) continue;
    if (!last.empty() && *hole.ended > *last.front().ended) last.clear();
    last.push_back(std::move(hole));
  }
  if (last.empty()) return;
  ended_before_ = last.front().ended;
  add(last);
}

void Unsettled::add(const std::vector<Hole>& holes) {
  for (const Hole& hole : holes) add(hole);
}

void Unsettled::add(const Hole& hole) {
  Doubt doubt;
  doubt.began = hole.began;
  // Where events are lost this can be the end of what began in the hole, too. Else what has a row
  // was met in the table when that was read, or its end is heard.
  doubt.rows_before = hole.ended.value_or(Moment::max());
  if (hole.reason == name_of(HoleReason::kEventsOff)) doubt.rows_before = hole.began;
  // Such a hole begins kUnderWay before the last commit, and rows of that time are written.
  if (hole.reason == name_of(HoleReason::kNotRunning)) {
    doubt.rows_before = hole.began + Store::kUnderWay;
  }
  if (hole.ended) {
    doubt.settled = settled_after(
        *hole.ended, written_, [this](Moment from, Moment to) { return files_.holes(from, to); });
  }
  doubts_.push_back(doubt);
}

bool Unsettled::may_be_over(const Found& row) const {
  if (row.from_map) return false;
  if (!row.ended && (!written_ || *written_ < from_)) return true;
  return std::any_of(doubts_.begin(), doubts_.end(), [&](const Doubt& doubt) {
    if (row.began > doubt.rows_before) return false;
    if (!row.ended) return !doubt.settled;
    return (row.unsure & unsure::kEnded) != 0 && *row.ended >= doubt.began &&
           (!doubt.settled || *row.ended <= *doubt.settled);
  });
}

}  // namespace ctflow::nat
