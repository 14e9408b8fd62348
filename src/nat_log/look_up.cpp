// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/look_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <tuple>

#include "nat_log/schema.hpp"
#include "text/address_text.hpp"

namespace ctflow::nat {
namespace {

constexpr const char* kRowColumns =
    "public_address,protocol,public_port,began,ended,unsure,inside_address,inside_port,zone,"
    "remote_address,remote_port,dnat";

std::span<const std::uint8_t> octets_of(const Endpoint& endpoint) {
  return nat::octets_of(endpoint.family, endpoint.address);
}

/// A file of the log, for reading. All that is read of it is of one moment: rows that were
/// committed after they were looked for must not be taken for complete.
class DayReader {
 public:
  DayReader(const std::string& directory, Day day)
      : day_(day), database_(directory + "/" + file_name(day), Database::Access::kRead) {
    database_.execute("BEGIN");
    Statement version(database_, "PRAGMA user_version");
    version.step();
    version_ = version.number(0);
    if (version_ > kSchemaVersion) {
      throw SqliteError(fmt::format("{}: it is of schema {}, this ctflowd reads {}",
                                    database_.file(), version_, kSchemaVersion),
                        SQLITE_MISMATCH);
    }
  }

  /// False: nothing was ever committed to it.
  [[nodiscard]] bool is_log() const { return version_ > 0; }
  [[nodiscard]] Database& database() { return database_; }

  std::optional<Moment> time(std::string_view key) {
    Statement query(database_, "SELECT value FROM meta WHERE key=?1");
    if (!query.bind(1, key).step()) return std::nullopt;
    return Moment(std::chrono::milliseconds(query.number(0)));
  }

  void holes(Moment from, Moment to, std::vector<Hole>& found) {
    Statement query(database_,
                    "SELECT began,ended,reason,connections FROM holes WHERE began<=?2 AND (ended "
                    "IS NULL OR ended>=?1) ORDER BY began");
    query.bind(1, std::int64_t{from.time_since_epoch().count()})
        .bind(2, std::int64_t{to.time_since_epoch().count()});
    while (query.step()) {
      Hole hole{Moment(std::chrono::milliseconds(query.number(0))), std::nullopt, query.text(2),
                query.number(3)};
      if (!query.is_null(1)) hole.ended = Moment(std::chrono::milliseconds(query.number(1)));
      found.push_back(std::move(hole));
    }
  }

  std::vector<std::uint8_t> protocols(const Endpoint& who) {
    std::vector<std::uint8_t> found;
    Statement next(database_,
                   "SELECT protocol FROM nat WHERE public_address=?1 AND protocol>?2 "
                   "ORDER BY protocol LIMIT 1");
    std::int64_t last = -1;
    while (next.bind(1, octets_of(who)).bind(2, last).step()) {
      last = next.number(0);
      next.reset();
      found.push_back(static_cast<std::uint8_t>(last));
    }
    return found;
  }

  void rows(const Question& question, std::uint8_t protocol, std::vector<Found>& found) {
    Statement query(database_,
                    fmt::format("SELECT {} FROM nat WHERE public_address=?1 AND protocol=?2 AND "
                                "public_port=?3 AND began<=?5 AND (ended IS NULL OR ended>=?4)",
                                kRowColumns));
    query.bind(1, octets_of(question.who))
        .bind(2, std::int64_t{protocol})
        .bind(3, std::int64_t{question.who.port.value_or(0)})
        .bind(4, std::int64_t{(question.at - question.tolerance - day_).count()})
        .bind(5, std::int64_t{(question.at + question.tolerance - day_).count()});
    while (query.step()) found.push_back(read(query));
  }

  /// Of kRowColumns.
  [[nodiscard]] Found read(const Statement& query) const {
    Found row;
    row.public_address = text_of_address(query.octets(0));
    row.protocol = static_cast<std::uint8_t>(query.number(1));
    row.public_port = static_cast<std::uint16_t>(query.number(2));
    row.began = Moment(day_) + std::chrono::milliseconds(query.number(3));
    if (!query.is_null(4)) row.ended = Moment(day_) + std::chrono::milliseconds(query.number(4));
    row.unsure = static_cast<int>(query.number(5));
    row.inside_address = text_of_address(query.octets(6));
    row.inside_port = static_cast<std::uint16_t>(query.number(7));
    row.zone = static_cast<std::uint16_t>(query.number(8));
    row.remote_address = text_of_address(query.octets(9));
    row.remote_port = static_cast<std::uint16_t>(query.number(10));
    row.destination_nat = query.number(11) != 0;
    return row;
  }

 private:
  Day day_;
  Database database_;
  std::int64_t version_ = 0;
};

bool fits(const Found& row, const Endpoint& remote) {
  return row.remote_address == text_of_address(octets_of(remote)) &&
         (!remote.port || *remote.port == row.remote_port);
}

/// The same hole is in the files of all days that it touches.
void remove_copies(std::vector<Hole>& holes) {
  const auto key = [](const Hole& one) { return std::tie(one.began, one.ended, one.reason); };
  std::sort(holes.begin(), holes.end(),
            [&](const Hole& one, const Hole& other) { return key(one) < key(other); });
  holes.erase(
      std::unique(holes.begin(), holes.end(),
                  [&](const Hole& one, const Hole& other) { return key(one) == key(other); }),
      holes.end());
}

/// Collects what the files of one question have.
class Search {
 public:
  Search(const std::string& directory, const Question& question)
      : directory_(directory),
        question_(question),
        from_(question.at - question.tolerance),
        to_(std::min(question.at + question.tolerance, std::max(question.now, question.at))),
        days_(list_days(directory)) {}

  Answer run() {
    Day first = day_of(from_);
    for (Day day = day_of(from_); day <= day_of(to_); day += std::chrono::days(1)) {
      first = std::min(first, read_day_of_question(day));
    }
    for (const Day day : days_) {
      if (day < first || day >= day_of(from_)) continue;
      DayReader file(directory_, day);
      if (file.is_log()) read_rows(file);
    }
    remove_copies(answer_.holes);
    select();
    return std::move(answer_);
  }

 private:
  [[nodiscard]] bool has(Day day) const {
    return std::binary_search(days_.begin(), days_.end(), day);
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
    file.holes(from_, to_, answer_.holes);
    read_rows(file);
    // Of a day that is over its file says itself what is missing, once there is one of a later day.
    const auto later = std::upper_bound(days_.begin(), days_.end(), day);
    const bool over = later != days_.end() && *later <= day_of(question_.now);
    const Moment written = file.time("last_commit").value_or(Moment(day));
    if (!over && to_ > written) {
      answer_.missing.push_back(
          fmt::format("the log is written until {} only: ctflowd does not run, cannot write, or "
                      "will have written more in a moment",
                      time_text(written)));
    }
    const Day carried = day_of(file.time("carried_from").value_or(Moment(day)));
    if (carried < day && !has(carried)) {
      answer_.missing.push_back(
          fmt::format("there is no {}, which had translations that went on", file_name(carried)));
    }
    return carried;
  }

  void read_rows(DayReader& file) {
    if (question_.protocol) return file.rows(question_, *question_.protocol, answer_.found);
    for (const std::uint8_t protocol : file.protocols(question_.who)) {
      file.rows(question_, protocol, answer_.found);
    }
  }

  void select() {
    auto& rows = answer_.found;
    if (question_.remote) {
      std::erase_if(rows, [&](const Found& row) {
        return !row.remote_address.empty() && !fits(row, *question_.remote);
      });
      answer_.remote_not_logged = std::any_of(
          rows.begin(), rows.end(), [](const Found& row) { return row.remote_address.empty(); });
    }
    std::sort(rows.begin(), rows.end(),
              [](const Found& one, const Found& other) { return one.began < other.began; });
    answer_.verdict = judge();
  }

  [[nodiscard]] Verdict judge() const {
    std::set<std::pair<std::string, std::uint16_t>> hosts;
    for (const Found& row : answer_.found) hosts.emplace(row.inside_address, row.zone);
    if (hosts.size() > 1) return Verdict::kSeveral;
    const bool complete = answer_.holes.empty() && answer_.missing.empty();
    if (hosts.empty()) return complete ? Verdict::kNone : Verdict::kCannotSay;
    if (hosts.begin()->first.empty()) return Verdict::kCannotSay;
    // To one remote end a public address and port lead from one inside host only.
    const bool exact = question_.protocol && question_.remote && question_.remote->port &&
                       !answer_.remote_not_logged;
    return complete || exact ? Verdict::kOne : Verdict::kCannotSay;
  }

  const std::string& directory_;
  const Question& question_;
  const Moment from_;
  const Moment to_;
  const std::vector<Day> days_;
  Answer answer_;
};

}  // namespace

Answer look_up(const std::string& directory, const Question& question) {
  return Search(directory, question).run();
}

void for_each_row_of(const std::string& directory, const Endpoint& subject,
                     const std::function<void(const Found&)>& take) {
  for (const Day day : list_days(directory)) {
    DayReader file(directory, day);
    if (!file.is_log()) continue;
    Statement query(file.database(),
                    fmt::format("SELECT {} FROM nat WHERE inside_address=?1", kRowColumns));
    query.bind(1, octets_of(subject));
    while (query.step()) take(file.read(query));
  }
}

Forgotten forget(const std::string& directory, const Endpoint& subject) {
  Forgotten total;
  for (const Day day : list_days(directory)) {
    if (!DayReader(directory, day).is_log()) continue;
    const std::string path = directory + "/" + file_name(day);
    const bool sealed = (std::filesystem::status(path).permissions() &
                         std::filesystem::perms::owner_write) == std::filesystem::perms::none;
    if (sealed) {
      std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                                   std::filesystem::perm_options::add);
    }
    {
      Database database(path, Database::Access::kWrite);
      // What is overwritten must not stay in free pages or in the write-ahead log.
      database.execute("PRAGMA secure_delete=ON; BEGIN IMMEDIATE");
      Statement(database,
                "UPDATE nat SET inside_address=NULL, inside_port=NULL WHERE inside_address=?1")
          .bind(1, octets_of(subject))
          .run();
      total.inside += database.changes();
      Statement(database,
                "UPDATE nat SET remote_address=NULL, remote_port=NULL WHERE remote_address=?1")
          .bind(1, octets_of(subject))
          .run();
      total.remote += database.changes();
      database.execute("COMMIT");
      Statement checkpoint(database, "PRAGMA wal_checkpoint(TRUNCATE)");
      if (checkpoint.step() && checkpoint.number(0) != 0) ++total.busy;
    }
    if (sealed) {
      std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                                   std::filesystem::perm_options::remove);
    }
    ++total.files;
  }
  return total;
}

}  // namespace ctflow::nat
