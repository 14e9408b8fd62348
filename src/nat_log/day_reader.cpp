// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/day_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "nat_log/schema.hpp"
#include "text/address_text.hpp"

namespace ctflow::nat {
namespace {

constexpr const char* kRowColumns =
    "public_address,protocol,public_port,began,ended,unsure,inside_address,inside_port,zone,"
    "remote_address,remote_port,dnat";

constexpr const char* kEntryColumns =
    "public_address,protocol,first_port,last_port,began,ended,inside_address";

auto key_of_entry(const Found& one) {
  return std::tie(one.began, one.public_address, one.public_port, one.public_last_port,
                  one.protocol, one.any_protocol);
}

}  // namespace

DayReader::DayReader(const std::string& directory, Day day)
    : day_(day), database_(directory + "/" + file_name(day), Database::Access::kRead) {
  database_.execute("BEGIN");
  Statement version(database_, "PRAGMA user_version");
  version.step();
  version_ = version.number(0);
  if (version_ > kSchemaWithMaps) {
    throw SqliteError(fmt::format("{}: it is of schema {}, this ctflowd reads {}", database_.file(),
                                  version_, kSchemaWithMaps),
                      FailureKind::kFile);
  }
}

std::optional<Moment> DayReader::time(std::string_view key) {
  Statement query(database_, "SELECT value FROM meta WHERE key=?1");
  if (!query.bind(1, key).step()) return std::nullopt;
  return Moment(std::chrono::milliseconds(query.number(0)));
}

int DayReader::left_out(const std::optional<std::uint8_t>& protocol) {
  Statement query(database_, "SELECT value FROM meta WHERE key='left_out'");
  if (!query.step()) return 0;
  const int all = static_cast<int>(query.number(0));
  return protocol ? all & (left_out::bit_of(*protocol) | left_out::kZones) : all;
}

bool DayReader::has_zones() {
  return Statement(database_, "SELECT 1 FROM meta WHERE key='zones' AND value<>0").step();
}

void DayReader::holes(Moment from, Moment to, std::vector<Hole>& found) {
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

std::vector<std::uint8_t> DayReader::protocols(const Endpoint& who) {
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

void DayReader::rows(const Question& question, std::uint8_t protocol, std::vector<Found>& found) {
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
Found DayReader::read(const Statement& query) const {
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

void DayReader::for_each_row_of(const Endpoint& subject,
                                const std::function<void(const Found&)>& take) {
  Statement query(database_,
                  fmt::format("SELECT {} FROM nat WHERE inside_address=?1", kRowColumns));
  query.bind(1, octets_of(subject));
  while (query.step()) take(read(query));
}

bool DayReader::has_maps() const { return version_ >= kSchemaWithMaps; }

void DayReader::map_entries(const Question& question, Moment from, Moment to,
                            std::vector<Found>& found) {
  if (!has_maps()) return;
  Statement query(database_,
                  fmt::format("SELECT {} FROM maps WHERE public_address=?1 AND first_port<=?2 AND "
                              "last_port>=?2 AND began<=?4 AND (ended IS NULL OR ended>=?3) AND "
                              "(?5 IS NULL OR protocol IN (?5,-1))",
                              kEntryColumns));
  std::optional<std::int64_t> protocol;
  if (question.protocol) protocol = *question.protocol;
  query.bind(1, octets_of(question.who))
      .bind(2, std::int64_t{question.who.port.value_or(0)})
      .bind(3, offset(from))
      .bind(4, offset(to))
      .bind(5, protocol);
  while (query.step()) found.push_back(read_entry(query));
}

void DayReader::map_entries_of(const Endpoint& subject, std::vector<Found>& found) {
  if (!has_maps()) return;
  Statement query(database_,
                  fmt::format("SELECT {} FROM maps WHERE inside_address=?1", kEntryColumns));
  query.bind(1, octets_of(subject));
  while (query.step()) found.push_back(read_entry(query));
}

/// Of kEntryColumns.
Found DayReader::read_entry(const Statement& query) const {
  Found entry;
  entry.from_map = true;
  entry.public_address = text_of_address(query.octets(0));
  entry.any_protocol = query.number(1) < 0;
  if (!entry.any_protocol) entry.protocol = static_cast<std::uint8_t>(query.number(1));
  entry.public_port = static_cast<std::uint16_t>(query.number(2));
  entry.public_last_port = static_cast<std::uint16_t>(query.number(3));
  entry.began = Moment(day_) + std::chrono::milliseconds(query.number(4));
  if (!query.is_null(5)) entry.ended = Moment(day_) + std::chrono::milliseconds(query.number(5));
  entry.inside_address = text_of_address(query.octets(6));
  return entry;
}

void merge_days(std::vector<Found>& entries) {
  std::sort(entries.begin(), entries.end(), [](const Found& one, const Found& other) {
    return key_of_entry(one) < key_of_entry(other);
  });
  std::vector<Found> merged;
  merged.reserve(entries.size());
  for (Found& entry : entries) {
    if (merged.empty() || key_of_entry(merged.back()) != key_of_entry(entry)) {
      merged.push_back(std::move(entry));
      continue;
    }
    Found& same = merged.back();
    if (!same.ended) same.ended = entry.ended;  // in the file of a later day only
    if (entry.inside_address.empty()) same.inside_address.clear();  // forgotten on one day
  }
  entries = std::move(merged);
}

}  // namespace ctflow::nat
