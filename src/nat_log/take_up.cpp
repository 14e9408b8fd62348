// SPDX-License-Identifier: GPL-2.0-or-later
// What the log makes of the files that it finds.
#include <algorithm>
#include <iterator>

#include "log/log.hpp"
#include "nat_log/store.hpp"

namespace ctflow::nat {

/// After a start: what is missing until now, and what did not end.
void Store::take_up() {
  const Moment since = listening_since_.value_or(now());
  const std::vector<Day> days = files_.days();
  Hole hole{Moment(day_of(since)), since, name_of(HoleReason::kLogBegan), 0};
  for (const Day day : days) {
    if (files_.is_sealed(day)) continue;
    file(day).end_holes(since);
    file(day).for_each_open([&](const Translation& one, Moment began) {
      open_.add(key_of(one), {began, day, true, true});
    });
  }
  std::set<Day> touched{day_of(since), day_of(now())};
  // Files of days to come are of a clock that was wrong.
  auto newest = std::upper_bound(days.begin(), days.end(), day_of(since));
  // One that was made and no more does not say until when the log was written.
  while (newest != days.begin() && newest - 1 != days.begin() &&
         !file(*std::prev(newest)).last_commit()) {
    --newest;
  }
  if (newest != days.begin()) {
    const Day day = *std::prev(newest);
    // Of what came after its day the next file had to say something: it is gone, or was not begun.
    const Moment last =
        std::min(file(day).last_commit().value_or(Moment(day)), Moment(day + std::chrono::days(1)));
    hole.reason = name_of(last > since ? HoleReason::kClockSet : HoleReason::kNotRunning);
    hole.began = std::min(last, since);
    hole.ended = std::max(last, since);
    // While a change of the ruleset was read, what ended unseen may have followed the former map.
    const Moment sure = std::min(hole.began, file(day).maps_until().value_or(hole.began));
    take_up_maps(day, sure);
    if (!maps_.empty()) hole.began = sure;
    std::copy_if(days.begin(), days.end(), std::inserter(touched, touched.end()),
                 [&](Day one) { return one >= day_of(hole.began) && one <= day_of(*hole.ended); });
  }
  begin_hole_of_start(hole, touched);
  taken_up_ = true;
  even_since_ = now_.steady;
  even_from_ = since;
  compare_at_ = now_.steady;
}

/// It goes on until the connection table has been read: what existed before has no row until then,
/// and without the kernel's timestamps that row begins then.
void Store::begin_hole_of_start(Hole hole, const std::set<Day>& days) {
  const Moment since = listening_since_.value_or(now());
  if (*hole.ended > since) {  // by a clock that was set back
    for (const Day day : days) file(day).add_hole(hole);
    ++holes_;
    hole.began = since;
    hole.reason = name_of(HoleReason::kNotRunning);
  }
  hole.ended.reset();
  for (const Day day : days) file(day).add_hole(hole);
  ++holes_;
  going_on_.push_back(hole);
  hole_files_ = days;
}

/// The file of today is another one, or gone: as after a start, what this and the others have is
/// all that there is. What they lack is in the hole of that start.
void Store::begin_anew() {
  log::warn(
      "nat_log_file_replaced file={} impact=\"what was written to it before is only where it was "
      "moved to; the log has a hole from the last commit that is there\" fix=\"none if it was "
      "damaged; else stop ctflowd before files of the NAT log are moved, but for those of earlier "
      "days\"",
      log::quoted(config_.directory + "/" + file_name(today_)));
  open_.clear();
  missing_.clear();
  left_.clear();
  going_on_.clear();
  hole_files_.clear();
  maps_ = HeldMaps();
  maps_file_ = Day();
  maps_anew_ = true;
  maps_shrank_ = false;
  former_maps_.reset();
  today_ = Day();
  taken_up_ = false;
  listening_since_ = now();
}

}  // namespace ctflow::nat
