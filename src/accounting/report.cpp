// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "accounting/cover.hpp"
#include "accounting/device_names.hpp"
#include "accounting/key_text.hpp"
#include "accounting/schema.hpp"
#include "accounting/unused.hpp"
#include "text/address_text.hpp"
#include "text/sum_name.hpp"

namespace ctflow::accounting {
namespace {

constexpr const char* kDirectionKey = "direction";
constexpr const char* kDeviceKey = "device";

std::uint64_t unsigned_of(const Statement& row, int column) {
  return static_cast<std::uint64_t>(row.number(column));
}

struct FoundAggregate {
  std::int64_t id = 0;
  std::string name{};
  std::vector<std::string> keys{};
  Minute began{};
  std::array<std::int64_t, kLevels> newest{};  ///< times of its newest rows

  [[nodiscard]] bool has(const std::string& key) const {
    return key == kDirectionKey || std::find(keys.begin(), keys.end(), key) != keys.end();
  }
};

std::vector<std::string> words_in(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> found;
  for (std::string word; stream >> word;) found.push_back(word);
  return found;
}

std::vector<FoundAggregate> aggregates_in(const Database& database) {
  Statement select(database, "SELECT id, name, keys, began FROM aggregate ORDER BY id");
  Statement newest(database, "SELECT max(time) FROM usage WHERE level = ?1 AND aggregate = ?2");
  std::vector<FoundAggregate> found;
  while (select.step()) {
    FoundAggregate one{select.number(0), select.text(1), words_in(select.text(2)),
                       minute_at(select.number(3))};
    for (const Level level : kAllLevels) {
      newest.bind(1, static_cast<std::int64_t>(level)).bind(2, one.id).step();
      one.newest.at(static_cast<std::size_t>(level)) = newest.number(0);
      newest.reset();
    }
    found.push_back(std::move(one));
  }
  return found;
}

/// Of those that are still in use, which have rows of the same minutes, the one that has most of
/// the time since `from`, with the fewest keys. One that the settings lost today has rows of today,
/// too.
FoundAggregate choose(const std::vector<FoundAggregate>& all, std::string& by, Minute from) {
  if (by.empty() && !all.empty()) {
    const auto any = [&](const char* key) {
      return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.has(key); });
    };
    by = all.front().keys.empty() ? kDirectionKey : all.front().keys.front();
    if (any("host")) by = "host";
    if (any(kDeviceKey)) by = kDeviceKey;
  }
  std::vector<FoundAggregate> fitting;
  std::set<std::string> known;
  for (const FoundAggregate& one : all) {
    if (one.has(by)) fitting.push_back(one);
    known.insert(one.keys.begin(), one.keys.end());
  }
  if (fitting.empty()) {
    throw std::runtime_error(
        fmt::format("no aggregate has the key {}; there are {} (accounting.aggregates)", by,
                    known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
  }
  const auto better = [&](const FoundAggregate& one, const FoundAggregate& other) {
    if (one.newest != other.newest) return one.newest > other.newest;
    const Minute since = std::max(one.began, from);
    const Minute other_since = std::max(other.began, from);
    if (since != other_since) return since < other_since;
    return one.keys.size() < other.keys.size();
  };
  return *std::min_element(fitting.begin(), fitting.end(), better);
}

std::string value_text(const Statement& row, int column, const std::string& by) {
  if (by == "host") return text_of_address(row.octets(column));
  if (by == kDeviceKey) {
    const auto octets = row.octets(column);
    return device_text(std::string(octets.begin(), octets.end()));
  }
  if (by == "protocol") return protocol_text(row.number(column));
  if (by == "asn") return asn_text(row.number(column));
  if (by == "zone" || by == "mark") return std::to_string(row.number(column));
  return row.text(column);
}

using ByDirection = std::array<Amounts, kDirections>;

/// The sums of a time, by key and direction.
std::unordered_map<std::int64_t, ByDirection> sums_of(const Database& database,
                                                      std::int64_t aggregate,
                                                      const std::vector<Piece>& pieces) {
  Statement select(database,
                   "SELECT key, direction, down_octets, up_octets, down_packets, up_packets, "
                   "connections FROM usage WHERE level = ?1 AND aggregate = ?2 AND time = ?3");
  std::unordered_map<std::int64_t, ByDirection> sums;
  for (const Piece& piece : pieces) {
    select.bind(1, static_cast<std::int64_t>(piece.level)).bind(2, aggregate);
    select.bind(3, seconds_of(piece.from));
    while (select.step()) {
      const auto direction = unsigned_of(select, 1);
      if (direction >= kDirections) continue;
      sums[select.number(0)].at(static_cast<std::size_t>(direction)) +=
          Amounts{unsigned_of(select, 2), unsigned_of(select, 3), unsigned_of(select, 4),
                  unsigned_of(select, 5), unsigned_of(select, 6)};
    }
    select.reset();
  }
  return sums;
}

/// Two devices may have one name, or one the name of a sum: then the MAC address stands behind it.
void name_devices(const Database& database, Report& to) {
  std::map<std::string, std::string> names;
  Statement select(database, "SELECT device, name FROM device");
  while (select.step()) {
    const auto octets = select.octets(0);
    names[device_text(std::string(octets.begin(), octets.end()))] = select.text(1);
  }
  std::map<std::string, int> times;
  for (ReportRow& row : to.rows) {
    row.device = row.name;
    const auto found = names.find(row.device);
    if (found != names.end()) row.name = found->second;
    ++times[row.name];
  }
  for (ReportRow& row : to.rows) {
    if (times[row.name] > 1 || text::reads_as_sum(row.name))
      row.name += fmt::format(" ({})", row.device);
  }
}

void add_rows(const Database& database, const FoundAggregate& aggregate, const Question& question,
              const std::vector<Piece>& pieces, Report& to) {
  std::map<std::string, Amounts> named;
  const bool by_direction = to.by == kDirectionKey;
  Statement key(database,
                fmt::format("SELECT kind, {} FROM key WHERE id = ?", by_direction ? "0" : to.by));
  for (const auto& [id, sums] : sums_of(database, aggregate.id, pieces)) {
    key.bind(1, id).step();
    const auto kind = static_cast<KeyKind>(key.number(0));
    const std::string name = by_direction ? "" : value_text(key, 1, to.by);
    key.reset();
    for (std::size_t i = 0; i < kDirections; ++i) {
      const auto direction = static_cast<Direction>(i);
      const Amounts& amounts = sums.at(i);
      const auto& wanted = question.directions;
      const bool counts =
          wanted.empty() || std::find(wanted.begin(), wanted.end(), direction) != wanted.end();
      if (!counts || amounts == Amounts{}) continue;
      to.total += amounts;
      if (kind == KeyKind::kUncounted) {
        to.uncounted += amounts;
      } else if (by_direction) {
        named[name_of(direction)] += amounts;
      } else if (kind == KeyKind::kOther) {
        to.other += amounts;
      } else {
        named[name] += amounts;
      }
    }
  }
  for (const auto& [name, amounts] : named) to.rows.push_back({name, "", amounts});
  if (to.by == kDeviceKey) name_devices(database, to);
  std::sort(to.rows.begin(), to.rows.end(), [](const ReportRow& one, const ReportRow& other) {
    if (one.amounts.octets() != other.amounts.octets()) {
      return one.amounts.octets() > other.amounts.octets();
    }
    return one.name < other.name;
  });
}

void add_missing(const Database& database, const std::vector<Piece>& pieces, Report& to) {
  Statement select(database,
                   "SELECT lost_events, no_counters, counters_fell, fallen_packets, late FROM "
                   "interval WHERE level = ?1 AND time = ?2");
  for (const Piece& piece : pieces) {
    select.bind(1, static_cast<std::int64_t>(piece.level)).bind(2, seconds_of(piece.from));
    if (select.step()) {
      to.missing += {unsigned_of(select, 0), unsigned_of(select, 1), unsigned_of(select, 2),
                     unsigned_of(select, 3), unsigned_of(select, 4)};
    }
    select.reset();
  }
}

/// An earlier version has none.
void add_causes(const Database& database, const std::vector<Piece>& pieces, Report& to) {
  constexpr std::int64_t kWithCauses = 4;
  Statement version(database, "PRAGMA user_version");
  if (!version.step() || version.number(0) < kWithCauses) return;
  Statement select(database, "SELECT kind, name FROM cause WHERE level = ?1 AND time = ?2");
  for (const Piece& piece : pieces) {
    select.bind(1, static_cast<std::int64_t>(piece.level)).bind(2, seconds_of(piece.from));
    while (select.step()) {
      Cause one{select.text(0), select.text(1)};
      if (one.kind == kLeftOut) {
        to.left_out.insert(std::move(one.name));
      } else {
        to.causes.insert(std::move(one));
      }
    }
    select.reset();
  }
}

/// Rows of the last minutes may be in memory yet; but those of a time that is over, such as a
/// period that is to be billed, are either there or missing.
Minute expected_commit(const Database& database, const Question& question, Minute until) {
  constexpr std::chrono::seconds kUnderWay{120};
  if (until <= question.now) return until;
  const std::chrono::seconds interval(meta_value(database, "commit_interval").value_or(0));
  return std::chrono::floor<std::chrono::minutes>(question.now - interval - kUnderWay);
}

void add_gaps(const Database& database, const FoundAggregate& aggregate, const Question& question,
              Report& to) {
  if (aggregate.began > to.from) {
    to.gaps.push_back({to.from, std::min(aggregate.began, to.until), "accounting_began"});
  }
  const std::string of_this = not_counted_reason(aggregate.id);
  Statement select(database,
                   "SELECT began, ended, reason FROM gap WHERE ended > ?1 AND began < ?2");
  select.bind(1, seconds_of(to.from)).bind(2, seconds_of(to.until));
  while (select.step()) {
    std::string reason = select.text(2);
    if (reason.starts_with(kNotCounted)) {
      if (reason != of_this) continue;
      reason = kNotCounted;
    }
    to.gaps.push_back({std::max(to.from, minute_at(select.number(0))),
                       std::min(to.until, minute_at(select.number(1))), std::move(reason)});
  }
  const auto unused = unused_since(database, aggregate.id);
  if (unused && *unused < to.until) {
    to.gaps.push_back({std::max(to.from, *unused), to.until, kNotCounted});
  }
  const std::optional<std::int64_t> last = meta_value(database, "last_commit");
  if (last) to.written = minute_at(*last);
  const std::int64_t expected = seconds_of(expected_commit(database, question, to.until));
  if (last.value_or(0) < expected) {
    to.gaps.push_back({std::max(to.from, minute_at(last.value_or(0))),
                       std::min(to.until, question.now), "nothing_written"});
  }
}

}  // namespace

Report ask(const Database& database, const Question& question) {
  Report report;
  report.by = question.by;
  const FoundAggregate aggregate = choose(aggregates_in(database), report.by, question.from);
  report.aggregate = aggregate.name;
  report.aggregate_id = aggregate.id;
  report.from = kept_begin(database, question.from);
  report.until = question.until;
  report.now = question.now;
  std::vector<Interval> left;
  const auto pieces = cover(database, {report.from, report.until}, question.now, left);
  add_rows(database, aggregate, question, pieces, report);
  add_missing(database, pieces, report);
  add_causes(database, pieces, report);
  add_gaps(database, aggregate, question, report);
  for (const Interval& part : not_kept(database, left)) {
    const Minute from = std::max(part.from, aggregate.began);
    if (from < part.until) report.gaps.push_back({from, part.until, "not_kept"});
  }
  return report;
}

}  // namespace ctflow::accounting
