// SPDX-License-Identifier: GPL-2.0-or-later
// The log as a whole: turns beginnings, ends and holes into rows of the right files.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <unordered_set>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "nat_log/day_files.hpp"
#include "nat_log/held_maps.hpp"
#include "nat_log/map_source.hpp"
#include "nat_log/nat_event.hpp"
#include "nat_log/open_translations.hpp"

namespace ctflow::nat {

/// Calls `take` with every connection of the connection table.
using ReadTable = std::function<std::error_code(const std::function<void(const Flow&)>& take)>;

/// What comes to the log, beside what is lost on the way.
struct Feed {
  bool every_end = false;  ///< by records: no connection ends without one
  int left_out = 0;        ///< what is not read: bits of left_out::
};

/// Of one thread. May block.
class Store {
 public:
  /// `maps`: what follows a static map is not stored. Null: all is.
  Store(NatLogConfig config, ReadTable read_table, Clock clock = system_now,
        std::unique_ptr<MapSource> maps = nullptr, Feed feed = {});

  /// Writes these events, what is due by time, and that the log is complete until now; all of it or
  /// nothing. The first call takes up what an earlier process left. Throws SqliteError,
  /// std::system_error or std::filesystem::filesystem_error; the events can be given again.
  void write(std::span<const NatEvent> events);

  /// Since when the kernel's events arrive: the hole before ends here.
  void set_listening_since(Moment time) { listening_since_ = time; }

  [[nodiscard]] std::size_t open() const { return open_.size(); }
  [[nodiscard]] std::uint64_t holes() const { return holes_; }
  /// Beginnings that were not stored, because they follow a static map.
  [[nodiscard]] std::uint64_t followed_map() const { return followed_map_; }
  [[nodiscard]] const HeldMaps& maps() const { return maps_; }
  /// Why the maps cannot be read; empty: they can.
  [[nodiscard]] const std::string& maps_unreadable() const { return maps_unreadable_; }

  /// So long before a commit all events are sure to have come.
  static constexpr std::chrono::milliseconds kUnderWay{1000};
  /// So long after a reading of the table the end of a connection that was not in it may come.
  static constexpr std::chrono::seconds kLateEnds{10};
  /// So often the table is read while connections exist that may end without an event; more seldom
  /// where that would take more than a hundredth of the time.
  static constexpr std::chrono::minutes kBetweenLooks{1};
  /// Nothing is removed until the clock has run evenly for so long.
  static constexpr std::chrono::minutes kEvenClock{10};

 private:
  void take_up();
  void begin_anew();
  void take_up_maps(Day newest, Moment sure_until);
  void look_at_maps();
  void hold(const MapReading& reading);
  void maps_not_readable(const std::string& why);
  /// They hold no more, and what is read next holds since it is looked at.
  void end_maps();
  /// They are in the file of today.
  void write_maps();
  [[nodiscard]] bool covers(const Translation& translation, std::optional<Moment> began) const;
  [[nodiscard]] Moment began_at_latest(const Translation& translation, Moment seen) const;
  void begin_hole_of_start(Hole hole, const std::set<Day>& days);
  void enter_day();
  void set_last_commit();
  /// An earlier day whose file has a translation that existed today.
  void carry_from(Day day);
  void watch_clock();
  void skip_times(Moment then);
  void apply(const NatEvent& event);
  void begin(const Translation& translation, Moment began);
  void add_row(std::uint64_t key, const Translation& translation, Moment began, int unsure,
               bool unannounced);
  void end_former(std::uint64_t key, const Place& former, const Translation& translation,
                  Moment successor_began);
  void meet(const Flow& flow, const Translation& translation);
  void end(const NatEvent& event);
  void add_hole(const Hole& hole);
  void begin_hole(HoleReason reason, Moment began, std::uint64_t connections);
  void end_holes();
  void compare_soon();
  /// Connections that end without an event are found by reading the table now and then.
  void look_for_silent_ends();
  void compare_with_table();
  void close_missing();
  void forget_old();
  /// Before files are removed: what look-ups of the days that stay need of them.
  void take_over_old();
  /// What is written to the file of another day is on the disk before that of today says that the
  /// log is complete: a power cut takes nothing of it.
  [[nodiscard]] DayFile& file(Day day) {
    return files_.writable(day, now_.steady, durable_ || day != today_);
  }
  [[nodiscard]] Day file_for(Moment began) const;
  [[nodiscard]] Moment now() const { return moment_of(now_.wall); }
  /// What came until then is written with this call.
  [[nodiscard]] Moment complete_until() const {
    return std::min(now(), tried_since_.value_or(now())) - kUnderWay;
  }

  const NatLogConfig config_;
  const ReadTable read_table_;
  const Clock clock_;
  const Feed feed_;
  DayFiles files_;
  OpenTranslations open_;
  Instant now_{};
  std::optional<Instant> before_;  ///< of the last commit
  /// When the events were given first, if they have been refused: later ones wait behind them.
  std::optional<Moment> tried_since_;
  std::optional<Moment> listening_since_;
  bool taken_up_ = false;
  bool durable_ = false;  ///< this commit waits for the disk in all files
  Day today_{};
  std::set<Day> left_;                  ///< are over, and not known to be complete to their end
  Day carried_from_{};                  ///< as the file of today has it
  std::vector<Hole> going_on_;          ///< holes that have not ended
  std::set<Day> hole_files_;            ///< where they are written
  std::optional<MonoTime> compare_at_;  ///< when the table is to be read
  MonoTime compared_{};
  std::chrono::nanoseconds comparing_took_{};
  bool events_off_ = false;  ///< a hole for that goes on
  bool vanished_ = false;    ///< a connection left the table without an event
  Moment compared_wall_{};
  std::unordered_set<std::uint64_t> missing_;  ///< were not in the table
  MonoTime missing_until_{};
  MonoTime even_since_{};  ///< since when the clock was not set, …
  Moment even_from_{};     ///< … and what it said then
  std::optional<Day> forgot_;
  std::uint64_t holes_ = 0;
  std::unique_ptr<MapSource> map_source_;
  HeldMaps maps_;
  Day maps_file_{};           ///< where its entries are open
  bool maps_shrank_ = false;  ///< the table is to be read: some entries do not hold any more
  MonoTime maps_settled_{};   ///< all that began before the entries did has a row or has ended
  bool maps_anew_ = false;    ///< what is read next may have been read by another clock
  /// What held before entries ended last, and until when.
  std::shared_ptr<const StaticMaps> former_maps_;
  Moment former_until_{};
  std::uint64_t followed_map_ = 0;
  std::string maps_unreadable_;
};

}  // namespace ctflow::nat
