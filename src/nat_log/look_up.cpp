// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/look_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "nat_log/day_readers.hpp"
#include "nat_log/holes.hpp"
#include "nat_log/store.hpp"
#include "nat_log/unsettled.hpp"
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
      : files_(directory),
        question_(question),
        from_(question.at - question.tolerance),
        to_(std::min(question.at + question.tolerance, std::max(question.now, question.at))) {
    // Files of days to come are of a clock that was wrong.
    const std::vector<Day>& days = files_.days();
    const auto after =
        std::upper_bound(days.begin(), days.end(), day_of(std::max(question.now, to_)));
    if (after != days.begin()) newest_ = *std::prev(after);
    if (newest_) files_.keep(*newest_);
    for (Day day = day_of(from_ - Store::kLateEnds); day <= day_of(to_); day += kDay) {
      files_.keep(day);
    }
  }

  Answer run() {
    read_end_of_log();
    Day first = day_of(from_);
    for (Day day = day_of(from_); day <= day_of(to_); day += kDay) {
      first = std::min(first, read_day_of_question(day));
    }
    read_days_before(first);
    if ((left_out_ & ~left_out::kZones) != 0) {
      answer_.missing.emplace_back(
          "the log was written with a source.filter, and what that excludes is not logged");
    }
    if ((left_out_ & left_out::kZones) != 0) {
      answer_.missing.emplace_back(
          "the log has only the conntrack zones that namespaces names, and others are not logged");
    }
    remove_copies(answer_.holes);
    unsettled_.emplace(files_, written_, from_);
    unsettled_->find_before();
    unsettled_->add(answer_.holes);
    find_ends();
    for (const Hole& hole : answer_.holes) look_around(hole);
    merge_days(answer_.around);
    select();
    return std::move(answer_);
  }

 private:
  /// Before rows are read: one that is open then was so until that time.
  void read_end_of_log() {
    if (!newest_) return;
    try {
      if (DayReader* const file = files_.find(*newest_)) written_ = file->time("last_commit");
    } catch (const SqliteError&) {  // then nothing is known of what is open
    }
  }

  /// Those whose files may have rows of translations that went on.
  void read_days_before(Day first) {
    const Day end = day_of(from_);
    std::vector<Day> absent;
    std::vector<Hole> holes;
    for (Day day = first; day < end; day += kDay) {
      DayReader* const file = files_.find(day);
      if (file == nullptr) {
        if (day != first || files_.has(day)) absent.push_back(day);
        continue;
      }
      read_rows(*file);
      file->holes(Moment(first), Moment(end), holes);
    }
    if (!absent.empty()) {
      if (DayReader* const file = files_.find(end)) file->holes(Moment(first), Moment(end), holes);
    }
    for (const Day day : absent) {
      // There never was a file where nothing was written on all of that day.
      if (day != first && cover(holes, Moment(day), Moment(day + kDay))) continue;
      answer_.missing.push_back(fmt::format(
          "there is no {}, or it is empty, and it may have had translations that went on",
          file_name(day)));
    }
  }

  /// Whose file has what the days that are kept need of a file that the retention removed.
  [[nodiscard]] std::optional<Day> heir_of(Day removed) {
    const std::vector<Day>& days = files_.days();
    const auto next = std::upper_bound(days.begin(), days.end(), removed);
    DayReader* const file = next == days.end() ? nullptr : files_.find(*next);
    if (file == nullptr) return std::nullopt;
    const auto from = file->time("took_over_from");
    return from && *from <= Moment(removed) ? std::optional(*next) : std::nullopt;
  }

  /// Returns the earliest day whose file may have rows that matter.
  Day read_day_of_question(Day day) {
    DayReader* const found = files_.find(day);
    if (found == nullptr) {
      answer_.missing.push_back(files_.has(day) ? file_name(day) + " is empty"
                                                : "there is no " + file_name(day));
      return day;
    }
    DayReader& file = *found;
    std::vector<Hole> holes;
    file.holes(from_, to_, holes);
    answer_.holes.insert(answer_.holes.end(), holes.begin(), holes.end());
    left_out_ |= file.left_out(question_.protocol);
    zones_ = zones_ || file.has_zones();
    read_rows(file);
    read_entries(file, day, entries_);
    const auto later = std::upper_bound(files_.days().begin(), files_.days().end(), day);
    const bool over = later != files_.days().end() && *later <= day_of(question_.now);
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
    if (carried < day && !files_.has(carried)) {
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
    for (const Day day : files_.days()) {
      if (day <= day_of(to_)) continue;
      if (std::none_of(last.begin(), last.end(), open)) break;
      DayReader* const file = files_.find(day);
      if (file == nullptr) continue;
      last.clear();
      read_entries(*file, day, last);
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
      if (DayReader* const file = files_.find(day)) {
        file->map_entries(question_, hole.began, ended + kNear, near);
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
    note_doubt();
    std::sort(rows.begin(), rows.end(),
              [](const Found& one, const Found& other) { return one.began < other.began; });
    answer_.same_map = same_map();
    decided_ =
        std::any_of(rows.begin(), rows.end(), [&](const Found& row) { return decides(row); });
    answer_.other_zones = decided_ && !question_.zone && has_zones();
    answer_.verdict = judge();
  }

  /// Where a host is found only by rows that may be over.
  void note_doubt() {
    if (!unsettled_->ended_before() || hosts(false).size() == hosts(true).size()) return;
    answer_.missing.push_back(
        fmt::format("which connections had ended before {} was not known yet: what is shown may "
                    "be one of them",
                    text::exact_utc_text(*unsettled_->ended_before())));
  }

  /// Inside hosts that had it, in the log's words: only those that had it for sure, or all.
  using Hosts = std::set<std::pair<std::string, std::uint16_t>>;
  [[nodiscard]] Hosts hosts(bool sure) const {
    Hosts all;
    for (const Found& row : answer_.found) {
      if (!sure || !unsettled_->may_be_over(row)) all.emplace(row.inside_address, row.zone);
    }
    return all;
  }

  /// What is missing may be of another zone than that of a row.
  [[nodiscard]] bool has_zones() const {
    return zones_ || (left_out_ & left_out::kZones) != 0 ||
           std::any_of(answer_.found.begin(), answer_.found.end(),
                       [](const Found& row) { return row.zone != 0; });
  }

  [[nodiscard]] Verdict judge() const {
    if (hosts(true).size() > 1) return Verdict::kSeveral;
    const Hosts all = hosts(false);
    if (all.size() > 1) return Verdict::kCannotSay;
    const bool complete = answer_.holes.empty() && answer_.missing.empty();
    if (all.empty()) return complete ? Verdict::kNone : Verdict::kCannotSay;
    if (all.begin()->first.empty()) return Verdict::kCannotSay;
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
    if (unsettled_->may_be_over(row)) return false;
    if (!answer_.missing.empty() && !surely_existed(row, from_, to_)) return false;
    return std::all_of(answer_.holes.begin(), answer_.holes.end(), [&](const Hole& hole) {
      return surely_existed(row, std::max(from_, hole.began),
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

  DayReaders files_;
  const Question& question_;
  const Moment from_;
  const Moment to_;
  std::optional<Day> newest_;
  std::optional<Moment> written_;  ///< the log
  std::optional<Unsettled> unsettled_;
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
