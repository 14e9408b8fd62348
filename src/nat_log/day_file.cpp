// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/day_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "nat_log/schema.hpp"

namespace ctflow::nat {
namespace {

constexpr mode_t kSealed = 0440;
constexpr mode_t kWritable = 0640;

constexpr int kInsertedColumns = 13;
constexpr const char* kInserted =
    "public_address,protocol,public_port,began,id,dnat,ended,unsure,inside_address,inside_port,"
    "zone,remote_address,remote_port";

/// The name, after the right to write it is back.
std::string unsealed(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) == 0 && (found.st_mode & S_IWUSR) == 0) {
    chmod(path.c_str(), kWritable);
  }
  return path;
}

/// As SQLite stores it in four octets.
std::int64_t stored(std::uint32_t id) { return static_cast<std::int32_t>(id); }

/// What says which row it is: ?1 to ?6.
Statement& bind_key(Statement& statement, const Translation& translation, std::int64_t began) {
  return statement.bind(1, octets_of(translation.family, translation.public_end.address))
      .bind(2, std::int64_t{translation.protocol})
      .bind(3, std::int64_t{translation.public_end.port})
      .bind(4, began)
      .bind(5, stored(translation.id))
      .bind(6, std::int64_t{translation.destination_nat});
}

AddressFamily family_of(std::size_t octets) {
  return octets == 4 ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
}

}  // namespace

DayFile::DayFile(const std::string& directory, Day day)
    : path_(unsealed(directory + "/" + file_name(day))),
      day_(day),
      database_(path_, Database::Access::kCreate),
      maps_(database_, day) {
  database_.execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-8192;"
      "PRAGMA journal_size_limit=4194304;");
  Statement version(database_, "PRAGMA user_version");
  version.step();
  const std::int64_t found = version.number(0);
  version.reset();
  if (found == 0) {
    database_.execute("BEGIN IMMEDIATE;" + schema());
    set_number("day", Moment(day_).time_since_epoch().count());
    database_.execute("COMMIT");
    chmod(path_.c_str(), kWritable);
  } else if (found != kSchemaVersion && found != kSchemaWithMaps) {
    throw SqliteError(
        fmt::format("{}: it is of schema {}, this ctflowd has {}", path_, found, kSchemaWithMaps),
        FailureKind::kFile);
  }
  insert_.emplace(database_, fmt::format("INSERT OR IGNORE INTO nat({}) "
                                         "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
                                         kInserted));
  end_.emplace(database_,
               "UPDATE nat SET ended=?7, unsure=unsure|?8 WHERE public_address=?1 AND protocol=?2 "
               "AND public_port=?3 AND began=?4 AND id=?5 AND dnat=?6");
  reopen_.emplace(database_,
                  fmt::format("UPDATE nat SET ended=NULL, unsure=unsure&~{} WHERE "
                              "public_address=?1 AND protocol=?2 AND public_port=?3 AND began=?4 "
                              "AND id=?5 AND dnat=?6",
                              unsure::kEnded));
}

void DayFile::begin(bool durable) {
  if (in_transaction_) return;
  if (durable != durable_) {
    database_.execute(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    durable_ = durable;
  }
  database_.execute("BEGIN IMMEDIATE");
  in_transaction_ = true;
}

void DayFile::commit() {
  if (!in_transaction_) return;
  database_.execute("COMMIT");
  in_transaction_ = false;
}

void DayFile::rollback() noexcept {
  if (!in_transaction_) return;
  in_transaction_ = false;
  zones_noted_ = false;
  sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

bool DayFile::insert(const Translation& translation, Moment began, std::optional<Moment> ended,
                     int unsure, bool remote) {
  const auto octets = [&](const End& end) { return octets_of(translation.family, end.address); };
  std::optional<std::int64_t> end_offset;
  if (ended) end_offset = offset(*ended);
  bind_key(*insert_, translation, offset(began))
      .bind(7, end_offset)
      .bind(8, std::int64_t{unsure})
      .bind(9, octets(translation.inside))
      .bind(10, std::int64_t{translation.inside.port})
      .bind(11, std::int64_t{translation.zone});
  if (remote) {
    insert_->bind(12, octets(translation.remote)).bind(13, std::int64_t{translation.remote.port});
  } else {
    insert_->bind(12, std::optional<std::int64_t>()).bind(13, std::optional<std::int64_t>());
  }
  insert_->run();
  const bool added = database_.changes() > 0;
  if (translation.zone != 0) note_zones();
  return added;
}

/// A look-up has to know it without reading all rows.
void DayFile::note_zones() {
  if (zones_noted_) return;
  set_number("zones", 1);
  zones_noted_ = true;
}

void DayFile::end(const Translation& translation, Moment began, Moment ended, int unsure) {
  bind_key(*end_, translation, offset(began))
      .bind(7, offset(ended))
      .bind(8, std::int64_t{unsure})
      .run();
}

void DayFile::reopen(const Translation& translation, Moment began) {
  bind_key(*reopen_, translation, offset(began)).run();
}

void DayFile::add_hole(const Hole& hole) {
  std::optional<std::int64_t> ended;
  if (hole.ended) ended = hole.ended->time_since_epoch().count();
  Statement(database_, "INSERT INTO holes(began,ended,reason,connections) VALUES(?1,?2,?3,?4)")
      .bind(1, std::int64_t{hole.began.time_since_epoch().count()})
      .bind(2, ended)
      .bind(3, std::string_view(hole.reason))
      .bind(4, hole.connections)
      .run();
}

void DayFile::end_holes(Moment at) {
  Statement(database_, "UPDATE holes SET ended=max(began,?1) WHERE ended IS NULL")
      .bind(1, std::int64_t{at.time_since_epoch().count()})
      .run();
}

void DayFile::cut_holes(std::string_view reason, Moment at) {
  Statement(database_, "UPDATE holes SET ended=?1 WHERE reason=?2 AND began<=?1 AND ended>?1")
      .bind(1, std::int64_t{at.time_since_epoch().count()})
      .bind(2, reason)
      .run();
}

void DayFile::set_last_commit(Moment time) {
  set_number("last_commit", time.time_since_epoch().count());
}

std::optional<Moment> DayFile::last_commit() { return time("last_commit"); }

void DayFile::set_maps_until(Moment time) {
  set_number("maps_until", time.time_since_epoch().count());
}

std::optional<Moment> DayFile::maps_until() { return time("maps_until"); }

void DayFile::set_carried_from(Day day) {
  set_number("carried_from", Moment(day).time_since_epoch().count());
}

std::optional<Day> DayFile::carried_from() {
  const auto found = time("carried_from");
  if (!found) return std::nullopt;
  return day_of(*found);
}

/// Files of earlier versions do not.
bool DayFile::knows_what_went_on() {
  return Statement(database_, "SELECT 1 FROM sqlite_master WHERE name='ended_later'").step();
}

bool DayFile::take_over(DayFile& earlier) {
  if (!earlier.knows_what_went_on()) return false;
  constexpr int kBeganAt = 4;
  constexpr int kEndedAt = 7;
  const std::int64_t between = std::chrono::milliseconds(day_ - earlier.day_).count();
  const auto take = [&](Statement rows) {
    while (rows.step()) {
      for (int i = 1; i <= kInsertedColumns; ++i) {
        const int column = i - 1;
        const std::int64_t shift = i == kBeganAt || i == kEndedAt ? between : 0;
        if (rows.is_null(column)) {
          insert_->bind(i, std::optional<std::int64_t>());
        } else if (rows.is_blob(column)) {
          insert_->bind_copy(i, rows.octets(column));
        } else {
          insert_->bind(i, rows.number(column) - shift);
        }
      }
      insert_->run();
    }
  };
  const std::string all = fmt::format("SELECT {} FROM nat INDEXED BY ", kInserted);
  take(Statement(earlier.database_, all + "still_open WHERE ended IS NULL"));
  take(Statement(earlier.database_,
                 all + fmt::format("ended_later WHERE ended>=86400000 AND ended>={}", between)));
  if (earlier.number("zones")) note_zones();
  const auto from = earlier.number("took_over_from");
  set_number("took_over_from", from.value_or(Moment(earlier.day_).time_since_epoch().count()));
  return true;
}

void DayFile::add_left_out(int what) {
  const std::int64_t before = number("left_out").value_or(0);
  if ((before | what) != before) set_number("left_out", before | what);
}

std::optional<Moment> DayFile::time(std::string_view key) {
  const auto found = number(key);
  if (!found) return std::nullopt;
  return Moment(std::chrono::milliseconds(*found));
}

std::optional<std::int64_t> DayFile::number(std::string_view key) {
  Statement query(database_, "SELECT value FROM meta WHERE key=?1");
  if (!query.bind(1, key).step()) return std::nullopt;
  return query.number(0);
}

void DayFile::set_number(std::string_view key, std::int64_t value) {
  if (!set_number_) {
    set_number_.emplace(database_, "INSERT OR REPLACE INTO meta(key,value) VALUES(?1,?2)");
  }
  set_number_->bind(1, key).bind(2, value).run();
}

void DayFile::for_each_open(const std::function<void(const Translation&, Moment began)>& take) {
  Statement query(database_,
                  "SELECT public_address,protocol,public_port,began,id,dnat FROM nat "
                  "INDEXED BY still_open WHERE ended IS NULL");
  while (query.step()) {
    Translation one;
    const auto address = query.octets(0);
    one.family = family_of(address.size());
    std::copy_n(address.begin(), std::min<std::size_t>(address.size(), 16),
                one.public_end.address.octets.begin());
    one.protocol = static_cast<std::uint8_t>(query.number(1));
    one.public_end.port = static_cast<std::uint16_t>(query.number(2));
    one.id = static_cast<std::uint32_t>(query.number(4));
    one.destination_nat = query.number(5) != 0;
    take(one, Moment(day_) + std::chrono::milliseconds(query.number(3)));
  }
}

bool DayFile::has_open() {
  return Statement(database_, "SELECT 1 FROM nat INDEXED BY still_open WHERE ended IS NULL LIMIT 1")
      .step();
}

void DayFile::seal() {
  database_.execute("PRAGMA journal_mode=DELETE");
  chmod(path_.c_str(), kSealed);
}

}  // namespace ctflow::nat
