// SPDX-License-Identifier: GPL-2.0-or-later
// The static maps in the log. What is not stored is covered: it followed an entry for all its life,
// and that entry is in the file of the day for that time. So nothing depends on how soon a change
// of the ruleset is noticed: what does not follow what is held has a row.
#include <algorithm>
#include <utility>
#include <vector>

#include "log/log.hpp"
#include "nat_log/store.hpp"

namespace ctflow::nat {

/// After a start: what held when the log was last written. Whether it still does, the first look
/// says.
void Store::take_up_maps(Day newest, Moment sure_until) {
  std::vector<HeldEntry> earlier;
  file(newest).maps().for_each_open([&](const MapEntry& entry, Moment began) {
    earlier.push_back({entry, began});
  });
  maps_ = HeldMaps(std::move(earlier), sure_until);
  maps_file_ = newest;
}

void Store::look_at_maps() {
  if (!map_source_) {
    if (!maps_.empty()) end_maps();
    return;
  }
  const MapsNow found = map_source_->look();
  switch (found.state) {
    case MapsNow::State::kCurrent:
      if (found.reading.maps != maps_.maps()) {
        hold({found.reading.maps, maps_anew_ ? now() : found.reading.since});
      }
      maps_anew_ = false;
      maps_.current = true;
      if (!std::exchange(maps_unreadable_, {}).empty()) log::info("nat_log_maps_readable_again");
      break;
    case MapsNow::State::kReading:
      maps_.current = false;
      break;
    case MapsNow::State::kUnreadable:
      maps_not_readable(found.why);
      break;
  }
  write_maps();
}

void Store::end_maps() {
  if (!maps_.empty()) hold({std::make_shared<const StaticMaps>(), now()});
  maps_anew_ = true;
}

void Store::maps_not_readable(const std::string& why) {
  end_maps();
  maps_.current = false;
  if (std::exchange(maps_unreadable_, why) == why) return;
  log::warn(
      "nat_log_maps_unreadable error={} impact=\"all translations are stored, as with log: all\" "
      "fix=\"{}\"",
      log::quoted(why), "CAP_NET_ADMIN, and a kernel with nf_tables; or nat_log.log: all");
}

/// Entries that hold no more end when they were last sure to hold. What followed them and exists
/// has to get a row now; what ended since gets one with its end.
void Store::hold(const MapReading& reading) {
  if (reading.maps->left_out() != maps_.maps()->left_out()) {
    for (const std::string& why : reading.maps->left_out()) {
      log::warn(
          "nat_log_map_left_out map={} impact=\"its connections are stored\" fix=\"give each "
          "inside address public ports of its own; or leave it so\"",
          log::quoted(why));
    }
  }
  const std::shared_ptr<const StaticMaps> before = maps_.maps();
  const HeldMaps::Difference difference = maps_.replace(reading);
  if (difference.added.empty() && difference.removed.empty()) return;
  for (const HeldEntry& one : difference.removed) {
    if (!files_.exists(maps_file_)) break;  // older than the retention
    file(maps_file_).maps().end(one.entry, maps_.sure_until);
  }
  // A reading of before midnight may be seen after it: its entries are in the files of both days.
  const bool has_file = maps_file_ <= today_ && files_.exists(maps_file_);
  for (const HeldEntry& one : difference.added) {
    if (!has_file || day_of(one.began) > maps_file_) continue;
    file(maps_file_).maps().insert(one.entry, one.began);
  }
  maps_settled_ = now_.steady + kLateEnds + config_.commit_interval;
  if (!difference.removed.empty()) {
    maps_shrank_ = true;
    former_maps_ = before;
    former_until_ = maps_.sure_until;
    compare_at_ = now_.steady;
  }
  log::info("nat_log_maps entries={} added={} removed={}", maps_.size(), difference.added.size(),
            difference.removed.size());
}

void Store::write_maps() {
  if (maps_file_ == today_) return;
  maps_file_ = today_;
  // A clock that was set may lead to a day again.
  DayFile& day = file(today_);
  day.maps().end_all(day.last_commit().value_or(Moment(today_)));
  maps_.for_each([&](const MapEntry& entry, Moment began) { day.maps().insert(entry, began); });
}

/// Of one whose begin is not known. If it followed an entry that ended just now, or of which it is
/// not known whether it does, it may have begun while that held: then it has to be in rows since.
Moment Store::began_at_latest(const Translation& translation, Moment seen) const {
  if (!maps_.current && maps_.maps()->followed_by(translation) != nullptr) {
    return std::min(maps_.sure_until, seen);
  }
  const bool just_now = former_maps_ && now_.steady < maps_settled_;
  if (!just_now || former_maps_->followed_by(translation) == nullptr) return seen;
  return std::min(former_until_, seen);
}

bool Store::covers(const Translation& translation, std::optional<Moment> began) const {
  return maps_.cover(translation, began, now_.steady >= maps_settled_);
}

}  // namespace ctflow::nat
