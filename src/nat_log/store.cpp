// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/store.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "log/log.hpp"

namespace ctflow::nat {
namespace {

/// IPS_DYING: removed, its event already sent.
constexpr std::uint32_t kDying = 1U << 9;

constexpr std::chrono::seconds kBetweenReadings{10};

}  // namespace

Store::Store(NatLogConfig config, ReadTable read_table, Clock clock,
             std::unique_ptr<MapSource> maps, Feed feed)
    : config_(std::move(config)),
      read_table_(std::move(read_table)),
      clock_(std::move(clock)),
      feed_(feed),
      files_(config_.directory),
      map_source_(std::move(maps)) {}

void Store::write(std::span<const NatEvent> events) {
  now_ = clock_();
  if (files_.close_replaced(today_)) begin_anew();
  // Else a power cut could bring back a last commit of the clock of before.
  durable_ = day_of(now()) != today_ || (before_ && now_.wall < before_->wall);
  const auto before = std::make_tuple(
      going_on_, hole_files_, holes_, taken_up_, today_, left_, carried_from_, compare_at_,
      missing_, even_since_, even_from_, maps_, maps_file_, maps_shrank_, maps_settled_, maps_anew_,
      former_maps_, former_until_, followed_map_, events_off_, vanished_);
  try {
    files_.lock();
    if (!taken_up_) take_up();
    enter_day();
    watch_clock();
    look_at_maps();
    for (const NatEvent& event : events) apply(event);
    if (!missing_.empty() && now_.steady >= missing_until_) close_missing();
    look_for_silent_ends();
    if (compare_at_ && now_.steady >= *compare_at_) compare_with_table();
    set_last_commit();
    if (map_source_) file(today_).set_maps_until(maps_.current ? now() : maps_.sure_until);
    files_.commit(today_);
  } catch (...) {
    files_.rollback();
    open_.undo();
    std::tie(going_on_, hole_files_, holes_, taken_up_, today_, left_, carried_from_, compare_at_,
             missing_, even_since_, even_from_, maps_, maps_file_, maps_shrank_, maps_settled_,
             maps_anew_, former_maps_, former_until_, followed_map_, events_off_, vanished_) =
        before;
    if (!tried_since_) tried_since_ = now();
    throw;
  }
  open_.keep();
  tried_since_.reset();
  before_ = now_;
  if (maps_.current) maps_.sure_until = now();
  files_.close_idle(today_, now_.steady);
  forget_old();
}

void Store::enter_day() {
  const Day day = day_of(now());
  if (day == today_) return;
  const Day before = std::exchange(today_, day);
  if (before != Day()) left_.insert(before);
  std::erase_if(left_, [&](Day other) { return other >= day; });
  carried_from_ = file(day).carried_from().value_or(day);
  for (const auto& [key, place] : open_.rows()) carried_from_ = std::min(carried_from_, place.file);
  file(day).set_carried_from(carried_from_);
  file(day).add_left_out(feed_.left_out);
  for (const Hole& hole : going_on_) {
    if (hole_files_.count(day) == 0) file(day).add_hole(hole);
  }
  if (!going_on_.empty()) hole_files_.insert(day);
}

/// The file of a day that is over says so, too, until it is complete to its end.
void Store::set_last_commit() {
  const Moment until = complete_until();
  file(today_).set_last_commit(until);
  for (const Day day : left_) {
    if (files_.exists(day)) file(day).set_last_commit(until);
  }
  std::erase_if(left_, [&](Day day) { return until >= Moment(day + std::chrono::days(1)); });
}

/// A clock that went back names times twice: those since it last was set, as far as it went back.
/// One that went forward leaves times out.
void Store::watch_clock() {
  if (!before_) return;
  const auto passed = now_.steady - before_->steady;
  const auto expected = before_->wall + passed;
  const auto step = now_.wall - expected;
  // A clock that is corrected slowly runs at most 500 ppm off.
  const auto most = std::chrono::nanoseconds(std::chrono::seconds(1)) + passed / 1000;
  if (step <= most && step >= -most) return;
  const Moment then = moment_of(expected);
  if (step > step.zero()) {
    skip_times(then);
  } else {
    file(today_).cut_holes(name_of(HoleReason::kClockSet), now());
    add_hole({std::max(now(), even_from_), std::max(then, even_from_),
              name_of(HoleReason::kClockSet), 0});
  }
  even_since_ = now_.steady;
  even_from_ = now();
  end_maps();
}

/// The clock went forward from then. What an earlier process wrote of these times is known: a
/// machine without a battery begins in 1970, and takes nothing from the days before it was off.
void Store::skip_times(Moment then) {
  ++holes_;
  Hole hole{then, now(), name_of(HoleReason::kClockSet), 0};
  for (const Day day : files_.days()) {
    if (day < day_of(then) || day > today_) continue;
    hole.began = then;
    if (day > day_of(then)) hole.began = std::max(then, file(day).last_commit().value_or(then));
    if (hole.began < Moment(day + std::chrono::days(1))) file(day).add_hole(hole);
  }
}

/// In the files of all days that it touches and that there are.
void Store::add_hole(const Hole& hole) {
  ++holes_;
  const Day last = day_of(hole.ended.value_or(now()));
  file(today_).add_hole(hole);
  for (const Day day : files_.days()) {
    if (day != today_ && day >= day_of(hole.began) && day <= last) file(day).add_hole(hole);
  }
}

void Store::begin_hole(HoleReason reason, Moment began, std::uint64_t connections) {
  const Hole hole{began, std::nullopt, name_of(reason), static_cast<std::int64_t>(connections)};
  add_hole(hole);
  going_on_.push_back(hole);
  for (const Day day : files_.days()) {
    if (day >= day_of(began) && day <= today_) hole_files_.insert(day);
  }
  hole_files_.insert(today_);
  compare_soon();
}

void Store::compare_soon() {
  if (!compare_at_) compare_at_ = std::max(now_.steady, compared_ + kBetweenReadings);
}

void Store::end_holes() {
  const Moment at = moment_of(clock_().wall);
  for (const Day day : hole_files_) {
    if (files_.exists(day)) file(day).end_holes(at);
  }
  hole_files_.clear();
  going_on_.clear();
}

/// The file of the day on which it began, or of today where that is not kept.
Day Store::file_for(Moment began) const {
  const Day day = day_of(began);
  return day < today_ && files_.exists(day) ? day : today_;
}

void Store::apply(const NatEvent& event) {
  switch (event.kind) {
    case NatEvent::Kind::kBegin:
      if (covers(event.translation, event.began)) {
        ++followed_map_;
      } else {
        begin(event.translation, event.began);
      }
      break;
    case NatEvent::Kind::kEnd:
      end(event);
      break;
    case NatEvent::Kind::kHole:
      begin_hole(event.reason, event.began, event.missing);
      events_off_ = events_off_ || event.reason == HoleReason::kEventsOff;
      break;
    case NatEvent::Kind::kEventsOn:
      events_off_ = false;
      compare_soon();
      break;
    case NatEvent::Kind::kVanished:
      vanished_ = true;
      compare_soon();
      break;
  }
}

void Store::begin(const Translation& translation, Moment began) {
  const std::uint64_t key = key_of(translation);
  if (const auto place = open_.find(key)) {
    const bool met = place->unannounced && !place->earlier && missing_.count(key) == 0;
    if (met) return open_.announce(key);  // the table had it before its event came
    end_former(key, *place, translation, began);
  }
  add_row(key, translation, began, 0, false);
}

/// Its host opened it again with the same ports, so that the kernel gave it the same id, and the
/// end of the one before was missed.
void Store::end_former(std::uint64_t key, const Place& former, const Translation& translation,
                       Moment successor_began) {
  const bool was_missing = missing_.erase(key) > 0;
  const Moment ended = was_missing ? std::min(compared_wall_, successor_began) : successor_began;
  open_.remove(key);
  if (!files_.exists(former.file)) return;  // older than the retention
  file(former.file).end(translation, former.began, std::max(former.began, ended), unsure::kEnded);
}

void Store::add_row(std::uint64_t key, const Translation& translation, Moment began, int unsure,
                    bool unannounced) {
  const Day day = file_for(began);
  const bool added =
      file(day).insert(translation, began, std::nullopt, unsure, config_.destination);
  // The same host opened it again at once: the kernel's id is that of before, and events that are
  // read together have one time.
  if (!added && !unannounced) file(day).reopen(translation, began);
  open_.add(key, {began, day, unannounced});
  carry_from(day);
}

void Store::carry_from(Day day) {
  if (day >= carried_from_) return;
  carried_from_ = day;
  file(today_).set_carried_from(day);
}

void Store::end(const NatEvent& event) {
  const std::uint64_t key = key_of(event.translation);
  const auto place = open_.find(key);
  const bool was_missing = missing_.count(key) > 0;
  // It has the ports of one that the table did not have, and its beginning was missed.
  const bool another = was_missing && event.knows_begin && event.began > compared_wall_;
  if (place && !another) {
    missing_.erase(key);
    open_.remove(key);
    if (!files_.exists(place->file)) return;  // older than the retention
    const Moment ended = std::max(place->began, event.ended);
    file(place->file).end(event.translation, place->began, ended, 0);
    return;
  }
  if (covers(event.translation, event.knows_begin ? std::optional(event.began) : std::nullopt)) {
    return;
  }
  // Its beginning did not come, or followed a map that does not hold any more.
  const Moment began = event.knows_begin ? std::min(event.began, event.ended)
                                         : began_at_latest(event.translation, event.ended);
  const Day day = file_for(began);
  file(day).insert(event.translation, began, event.ended, event.knows_begin ? 0 : unsure::kBegan,
                   config_.destination);
  carry_from(day);
}

void Store::look_for_silent_ends() {
  constexpr int kShare = 100;  // of the time
  const bool silent = events_off_ || (!feed_.every_end && open_.unannounced() > 0);
  const std::chrono::nanoseconds pause =
      std::max<std::chrono::nanoseconds>(kBetweenLooks, kShare * comparing_took_);
  if (!compare_at_ && silent && now_.steady >= compared_ + pause) compare_at_ = now_.steady;
}

/// Events were missed: adds what exists without a row, and notes which rows have no connection.
void Store::compare_with_table() {
  compare_at_.reset();
  compared_ = now_.steady;
  compared_wall_ = moment_of(clock_().wall);
  const bool unseen = std::exchange(vanished_, false) || !going_on_.empty() || maps_shrank_;
  std::unordered_set<std::uint64_t> present;
  const std::error_code error = read_table_([&](const Flow& flow) {
    std::array<Translation, 2> found;
    if ((flow.status & kDying) != 0) return;
    const std::size_t count = translations_of(flow, found);
    for (std::size_t i = 0; i < count; ++i) {
      present.insert(key_of(found[i]));
      meet(flow, found[i]);
    }
  });
  comparing_took_ = clock_().steady - now_.steady;
  if (error) {
    vanished_ = unseen;
    log::warn(
        "nat_log_table_unreadable error={} impact=\"what began or ended unseen stays so\" "
        "fix=\"see the error: CAP_NET_ADMIN, memory or descriptors are missing; tried again\"",
        log::quoted(error.message()));
    // Rows that the change of a map makes necessary are missing since it held last.
    const bool shrank = std::exchange(maps_shrank_, false);
    if (shrank || going_on_.empty()) {
      begin_hole(HoleReason::kTableUnreadable, shrank ? former_until_ : compared_wall_, 0);
    }
    compare_at_ = now_.steady + kBetweenReadings;
    return;
  }
  maps_shrank_ = false;
  if (!events_off_) end_holes();
  missing_.clear();
  for (const auto& [key, place] : open_.rows()) {
    // An end that was heard of comes, unless events were missed.
    if (present.count(key) == 0 && (unseen || place.unannounced)) missing_.insert(key);
  }
  missing_until_ = now_.steady + kLateEnds;
}

/// One that exists.
void Store::meet(const Flow& flow, const Translation& translation) {
  const Moment seen = moment_of(clock_().wall);
  const Moment began = flow.present.start ? std::min(moment_of(flow.start), seen)
                                          : began_at_latest(translation, seen);
  if (covers(translation, flow.present.start ? std::optional(began) : std::nullopt)) return;
  const std::uint64_t key = key_of(translation);
  if (const auto place = open_.find(key)) {
    if (!flow.present.start || began <= place->began) return;
    end_former(key, *place, translation, began);
  }
  add_row(key, translation, began, flow.present.start ? 0 : unsure::kBegan, true);
}

/// Their ends did not come: all that is known is that they had ended when the table was read.
void Store::close_missing() {
  std::set<Day> days;
  for (const std::uint64_t key : missing_) {
    if (const auto place = open_.find(key)) days.insert(place->file);
  }
  for (const Day day : days) {
    if (!files_.exists(day)) continue;
    std::vector<std::pair<Translation, Moment>> ended;
    file(day).for_each_open([&](const Translation& one, Moment began) {
      if (missing_.count(key_of(one)) > 0) ended.emplace_back(one, began);
    });
    for (const auto& [one, began] : ended) {
      file(day).end(one, began, std::max(began, compared_wall_), unsure::kEnded);
    }
  }
  for (const std::uint64_t key : missing_) open_.remove(key);
  missing_.clear();
}

void Store::forget_old() {
  if (forgot_ == today_ || now_.steady - even_since_ < kEvenClock) return;
  forgot_ = today_;
  take_over_old();
  const std::size_t removed = files_.remove_old(config_.retention, now());
  if (removed > 0) log::info("nat_log_days_removed days={}", removed);
}

}  // namespace ctflow::nat
