// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/look_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "nat_log/day_reader.hpp"
#include "nat_log/holes.hpp"
#include "nat_log/store.hpp"
#include "text/address_text.hpp"
#include "text/time_text.hpp"

namespace ctflow::nat {
namespace {

bool fits(const Found& row, const Endpoint& remote) {
  return row.remote_address == text_of_address(octets_of(remote)) &&
         (!remote.port || *remote.port == row.remote_port);
}

constexpr std::chrono::days kDay{1};

/// What follows a map is never of another.
constexpr std::uint16_t kZoneOfMaps = 0;

/// The first reading of the maps may end so long after a hole does.
constexpr std::chrono::minutes kNear{1};

/// Collects what the files of one question have.
class Search {
 public:
  Search(const std::string& directory, const Question& question)
      : directory_(directory),
        question_(question),
        from_(question.at - question.tolerance),
        to_(std::min(question.at + question.tolerance, std::max(question.now, question.at))),
        days_(list_days(directory)) {
    // Files of days to come are of a clock that was wrong.
    const auto after =
        std::upper_bound(days_.begin(), days_.end(), day_of(std::max(question.now, to_)));
    if (after != days_.begin()) newest_ = *std::prev(after);
  }

  Answer run() {
    read_end_of_log();
    Day first = day_of(from_);
    for (Day day = day_of(from_); day <= day_of(to_); day += kDay) {
      first = std::min(first, read_day_of_question(day));
    }
    read_days_before(first);
    find_unsettled();
    if ((left_out_ & ~left_out::kZones) != 0) {
      answer_.missing.emplace_back(
          "the log was written with a source.filter, and what that excludes is not logged");
    }
    if ((left_out_ & left_out::kZones) != 0) {
      answer_.missing.emplace_back(
          "the log has only the conntrack zones that namespaces names, and others are not logged");
    }
    remove_copies(answer_.holes);
    find_ends();
    for (const Hole& hole : answer_.holes) look_around(hole);
    merge_days(answer_.around);
    select();
    return std::move(answer_);
  }

 private:
  [[nodiscard]] bool has(Day day) const {
    return std::binary_search(days_.begin(), days_.end(), day);
  }

  /// Before rows are read: one that is open then was so until that time.
  void read_end_of_log() {
    if (!newest_) return;
    try {
      DayReader file(directory_, *newest_);
      if (file.is_log()) written_ = file.time("last_commit");
    } catch (const SqliteError&) {  // then nothing is known of what is open
    }
  }

  /// Those whose files may have rows of translations that went on.
  void read_days_before(Day first) {
    const Day end = day_of(from_);
    std::vector<Day> absent;
    std::vector<Hole> holes;
    for (Day day = first; day < end; day += kDay) {
      if (!has(day)) {
        if (day != first) absent.push_back(day);
        continue;
      }
      DayReader file(directory_, day);
      if (!file.is_log()) {
        absent.push_back(day);
        continue;
      }
      read_rows(file);
      file.holes(Moment(first), Moment(end), holes);
    }
    if (!absent.empty() && has(end)) {
      DayReader file(directory_, end);
      if (file.is_log()) file.holes(Moment(first), Moment(end), holes);
    }
    for (const Day day : absent) {
      // There never was a file where nothing was written on all of that day.
      if (day != first && cover(holes, Moment(day), Moment(day + kDay))) continue;
      answer_.missing.push_back(fmt::format(
          "there is no {}, or it is empty, and it may have had translations that went on",
          file_name(day)));
    }
  }

  [[nodiscard]] std::vector<Hole> holes_in(Moment from, Moment to) const {
    std::vector<Hole> holes;
    for (Day day = day_of(from); day <= day_of(to); day += kDay) {
      if (!has(day)) continue;
      DayReader file(directory_, day);
      if (file.is_log()) file.holes(from, to, holes);
    }
    return holes;
  }

  void find_unsettled() {
    for (Hole& hole : holes_in(from_ - Store::kLateEnds, from_)) {
      const bool before = hole.ended && *hole.ended < from_;
      // Before the first start there were no rows.
      if (!before || hole.reason == name_of(HoleReason::kLogBegan)) continue;
      if (!unsettled_ || *unsettled_->ended < *hole.ended) unsettled_ = std::move(hole);
    }
    if (!unsettled_) return;
    settled_ = settled_after(*unsettled_->ended, written_,
                             [this](Moment from, Moment to) { return holes_in(from, to); });
  }

  /// The connection was there before the hole, and may have ended in it.
  [[nodiscard]] bool may_be_over(const Found& row) const {
    if (!unsettled_ || row.from_map) return false;
    Moment before = unsettled_->began;
    // Such a hole begins kUnderWay before the last commit, and rows of that time are written.
    if (unsettled_->reason == name_of(HoleReason::kNotRunning)) before += Store::kUnderWay;
    if (row.began >= before) return false;
    if (!row.ended) return !settled_;
    return (row.unsure & unsure::kEnded) != 0 && (!settled_ || *row.ended <= *settled_);
  }

  /// Whose file has what the days that are kept need of a file that the retention removed.
  [[nodiscard]] std::optional<Day> heir_of(Day removed) const {
    const auto next = std::upper_bound(days_.begin(), days_.end(), removed);
    if (next == days_.end()) return std::nullopt;
    DayReader file(directory_, *next);
    if (!file.is_log()) return std::nullopt;
    const auto from = file.time("took_over_from");
    return from && *from <= Moment(removed) ? std::optional(*next) : std::nullopt;
  }

  /// Returns the earliest day whose file may have rows that matter.
  Day read_day_of_question(Day day) {
    if (!has(day)) {
      answer_.missing.push_back(fmt::format("there is no {}", file_name(day)));
      return day;
    }
    DayReader file(directory_, day);
    if (!file.is_log()) {
      answer_.missing.push_back(fmt::format("{} is empty", file_name(day)));
      return day;
    }
    std::vector<Hole> holes;
    file.holes(from_, to_, holes);
    answer_.holes.insert(answer_.holes.end(), holes.begin(), holes.end());
    left_out_ |= file.left_out(question_.protocol);
    zones_ = zones_ || file.has_zones();
    read_rows(file);
    read_entries(file, day, entries_);
    const auto later = std::upper_bound(days_.begin(), days_.end(), day);
    const bool over = later != days_.end() && *later <= day_of(question_.now);
    const Moment written = file.time("last_commit").value_or(Moment(day));
    // A day that is over is written to its end, or has a hole from there on; unless the next start,
    // which writes that, has not been.
    const Moment end = std::min(to_, Moment(day + kDay));
    if (over && end > written && !cover(holes, std::max(from_, written), end)) {
      answer_.missing.push_back(fmt::format("{} is written until {} only", file_name(day),
                                            text::exact_utc_text(written)));
    } else if (!over && to_ > written) {
      answer_.missing.push_back(
          fmt::format("the log is written until {} only: ctflowd does not run, cannot write, or "
                      "will have written more in a moment",
                      text::exact_utc_text(written)));
    }
    const Day carried = day_of(file.time("carried_from").value_or(Moment(day)));
    if (carried < day && !has(carried)) {
      if (const auto heir = heir_of(carried); heir && *heir <= day) return *heir;
      answer_.missing.push_back(
          fmt::format("there is no {}, which had translations that went on", file_name(carried)));
    }
    return carried;
  }

  /// What the newest file says of how long its entries held is of the same moment as these.
  void read_entries(DayReader& file, Day day, std::vector<Found>& entries) {
    file.map_entries(question_, from_, to_, entries);
    if (day != newest_) return;
    const auto until = file.time("maps_until");
    if (until && *until < file.time("last_commit").value_or(*until)) maps_until_ = until;
  }

  void read_rows(DayReader& file) {
    if (question_.protocol) return file.rows(question_, *question_.protocol, answer_.found);
    for (const std::uint8_t protocol : file.protocols(question_.who)) {
      file.rows(question_, protocol, answer_.found);
    }
  }

  /// An entry that went on beyond the days of the question has its end in the file of a later one.
  void find_ends() {
    const auto open = [](const Found& entry) { return !entry.ended; };
    std::vector<Found> last = entries_;
    for (const Day day : days_) {
      if (day <= day_of(to_)) continue;
      if (std::none_of(last.begin(), last.end(), open)) break;
      DayReader file(directory_, day);
      if (!file.is_log()) continue;
      last.clear();
      read_entries(file, day, last);
      entries_.insert(entries_.end(), last.begin(), last.end());
    }
    merge_days(entries_);
    if (maps_until_) end_unsure();
  }

  /// While a change of the ruleset is read it is unknown whether the entries still hold.
  void end_unsure() {
    for (Found& entry : entries_) {
      if (!entry.ended) entry.ended = std::max(entry.began, *maps_until_);
    }
    const auto is_over = [&](const Found& entry) { return *entry.ended < from_; };
    if (std::erase_if(entries_, is_over) == 0) return;
    answer_.missing.push_back(fmt::format("the ruleset changed after {} and has not been read",
                                          text::exact_utc_text(*maps_until_)));
  }

  /// What the maps said on either side of a hole, where that is not what they say of the time asked
  /// for.
  void look_around(const Hole& hole) {
    const Moment ended = hole.ended.value_or(to_);
    std::set<Day> days{day_of(hole.began), day_of(ended)};
    std::vector<Found> near;
    for (const Day day : days) {
      if (!has(day)) continue;
      DayReader file(directory_, day);
      if (file.is_log()) {
        file.map_entries(question_, hole.began, ended + kNear, near);
      }
    }
    merge_days(near);
    for (const Found& entry : near) {
      const bool before = entry.ended && *entry.ended < from_;
      if (before || entry.began > to_) answer_.around.push_back(entry);
    }
  }

  void select() {
    auto& rows = answer_.found;
    const auto of_another_zone = [&](const Found& row) {
      return question_.zone && row.zone != *question_.zone;
    };
    std::erase_if(rows, of_another_zone);
    std::erase_if(entries_, of_another_zone);
    std::erase_if(answer_.around, of_another_zone);
    const bool known = std::any_of(rows.begin(), rows.end(), [&](const Found& row) {
      return row.zone == kZoneOfMaps && decides(row) && surely_existed(row, from_, to_);
    });
    if (!known) rows.insert(rows.end(), entries_.begin(), entries_.end());
    if (question_.remote) {
      std::erase_if(rows, [&](const Found& row) {
        return !row.remote_address.empty() && !fits(row, *question_.remote);
      });
      answer_.remote_not_logged = std::any_of(
          rows.begin(), rows.end(), [](const Found& row) { return row.remote_address.empty(); });
    }
    const auto over = [&](const Found& row) { return may_be_over(row); };
    if (!rows.empty() && std::all_of(rows.begin(), rows.end(), over)) {
      answer_.missing.push_back(
          fmt::format("which connections had ended before {} was not known yet: what is shown may "
                      "be one of them",
                      text::exact_utc_text(*unsettled_->ended)));
    }
    std::sort(rows.begin(), rows.end(),
              [](const Found& one, const Found& other) { return one.began < other.began; });
    answer_.same_map = same_map();
    decided_ =
        std::any_of(rows.begin(), rows.end(), [&](const Found& row) { return decides(row); });
    answer_.other_zones = decided_ && !question_.zone && has_zones();
    answer_.verdict = judge();
  }

  /// What is missing may be of another zone than that of a row.
  [[nodiscard]] bool has_zones() const {
    return zones_ || (left_out_ & left_out::kZones) != 0 ||
           std::any_of(answer_.found.begin(), answer_.found.end(),
                       [](const Found& row) { return row.zone != 0; });
  }

  [[nodiscard]] Verdict judge() const {
    std::set<std::pair<std::string, std::uint16_t>> hosts;
    for (const Found& row : answer_.found) hosts.emplace(row.inside_address, row.zone);
    if (hosts.size() > 1) return Verdict::kSeveral;
    const bool complete = answer_.holes.empty() && answer_.missing.empty();
    if (hosts.empty()) return complete ? Verdict::kNone : Verdict::kCannotSay;
    if (hosts.begin()->first.empty()) return Verdict::kCannotSay;
    const bool decided = decided_ && !answer_.remote_not_logged && !answer_.other_zones;
    return complete || decided ? Verdict::kOne : Verdict::kCannotSay;
  }

  [[nodiscard]] bool asks_exactly() const {
    return question_.protocol && question_.remote && question_.remote->port;
  }

  /// To one remote end a public address and port lead from one inside host of a zone only: while
  /// this row existed there was no other. It did for all of the time of which something is missing.
  [[nodiscard]] bool decides(const Found& row) const {
    if (!asks_exactly() || row.remote_address.empty() || !fits(row, *question_.remote)) {
      return false;
    }
    if (may_be_over(row)) return false;
    if (!answer_.missing.empty() && !surely_existed(row, from_, to_)) return false;
    return std::all_of(answer_.holes.begin(), answer_.holes.end(), [&](const Hole& hole) {
      // Whether it outlived the hole is known some time after that.
      const bool looked_at =
          row.ended || (written_ && hole.ended && *hole.ended + Store::kLateEnds <= *written_);
      return looked_at && surely_existed(row, std::max(from_, hole.began),
                                         std::min(to_, hole.ended.value_or(to_)));
    });
  }

  [[nodiscard]] bool surely_existed(const Found& row, Moment from, Moment to) const {
    const std::optional<Moment> ended = row.ended ? row.ended : written_;
    return (row.unsure & unsure::kEnded) == 0 && row.began <= from && ended && *ended >= to;
  }

  [[nodiscard]] static bool covers(const Found& row, Moment from, Moment to) {
    return row.began <= from && (!row.ended || *row.ended >= to);
  }
  /// It was there for all of the time asked for.
  [[nodiscard]] bool spans(const Found& row) const { return covers(row, from_, to_); }

  /// An entry of a map held before, in and after the holes. That is no proof: it may have changed
  /// and changed back, and of what did not follow it some may be missing.
  [[nodiscard]] bool same_map() const {
    const auto holds = [&](const Found& entry) {
      return spans(entry) &&
             std::all_of(answer_.holes.begin(), answer_.holes.end(), [&](const Hole& hole) {
               return covers(entry, hole.began, hole.ended.value_or(to_));
             });
    };
    return !answer_.holes.empty() && answer_.missing.empty() &&
           std::any_of(entries_.begin(), entries_.end(), holds);
  }

  const std::string& directory_;
  const Question& question_;
  const Moment from_;
  const Moment to_;
  const std::vector<Day> days_;
  std::optional<Day> newest_;
  std::optional<Moment> written_;     ///< the log
  std::optional<Hole> unsettled_;     ///< the last one, if it ended shortly before from_
  std::optional<Moment> settled_;     ///< settled_after() that
  bool zones_ = false;                ///< the log has rows of zones
  bool decided_ = false;              ///< by a row, for its zone
  int left_out_ = 0;                  ///< on a day of the question: bits of left_out::
  std::vector<Found> entries_;        ///< of maps
  std::optional<Moment> maps_until_;  ///< those of the newest file were sure to hold
  Answer answer_;
};

}  // namespace

Answer look_up(const std::string& directory, const Question& question) {
  return Search(directory, question).run();
}

void for_each_row_of(const std::string& directory, const Endpoint& subject,
                     const std::function<void(const Found&)>& take) {
  std::vector<Found> entries;
  for (const Day day : list_days(directory)) {
    DayReader file(directory, day);
    if (!file.is_log()) continue;
    file.for_each_row_of(subject, take);
    file.map_entries_of(subject, entries);
  }
  merge_days(entries);
  for (const Found& entry : entries) take(entry);
}

}  // namespace ctflow::nat
