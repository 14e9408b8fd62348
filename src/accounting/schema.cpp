// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/schema.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace ctflow::accounting {
namespace {

constexpr const char* kTables = R"(
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE aggregate(id INTEGER PRIMARY KEY, name TEXT NOT NULL, keys TEXT NOT NULL,
  began INTEGER NOT NULL, UNIQUE(name, keys));
CREATE TABLE usage(level INTEGER NOT NULL, aggregate INTEGER NOT NULL, time INTEGER NOT NULL,
  key INTEGER NOT NULL, direction INTEGER NOT NULL, down_octets INTEGER NOT NULL,
  up_octets INTEGER NOT NULL, down_packets INTEGER NOT NULL, up_packets INTEGER NOT NULL,
  connections INTEGER NOT NULL, PRIMARY KEY(level, aggregate, time, key, direction)) WITHOUT ROWID;
CREATE TABLE interval(level INTEGER NOT NULL, time INTEGER NOT NULL, until INTEGER NOT NULL,
  lost_events INTEGER NOT NULL, no_counters INTEGER NOT NULL, counters_fell INTEGER NOT NULL,
  fallen_packets INTEGER NOT NULL, late INTEGER NOT NULL, PRIMARY KEY(level, time)) WITHOUT ROWID;
CREATE TABLE gap(began INTEGER NOT NULL, ended INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY(began, ended, reason)) WITHOUT ROWID;
CREATE TABLE session(id TEXT NOT NULL, direction INTEGER NOT NULL, down_octets INTEGER NOT NULL,
  up_octets INTEGER NOT NULL, down_packets INTEGER NOT NULL, up_packets INTEGER NOT NULL,
  connections INTEGER NOT NULL, PRIMARY KEY(id, direction)) WITHOUT ROWID;
)";

// `key`: texts are '' and numbers -1 where the aggregate has no such column, so that the index
// finds equal keys, which it would not with NULL. `device`: a MAC address, or an address.
constexpr const char* kKeys = R"(
CREATE TABLE key(id INTEGER PRIMARY KEY, aggregate INTEGER NOT NULL, kind INTEGER NOT NULL,
  host BLOB NOT NULL, network TEXT NOT NULL, interface TEXT NOT NULL, remote_interface TEXT NOT NULL,
  zone INTEGER NOT NULL, mark INTEGER NOT NULL, protocol INTEGER NOT NULL, service TEXT NOT NULL,
  remote_network TEXT NOT NULL, device BLOB NOT NULL, asn INTEGER NOT NULL, country TEXT NOT NULL,
  UNIQUE(aggregate, kind, host, network, interface, remote_interface, zone, mark, protocol, service,
    remote_network, device, asn, country));
)";
constexpr const char* kDevices =
    "CREATE TABLE device(device BLOB PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;";

constexpr const char* kCauses = R"(
CREATE TABLE cause(level INTEGER NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL,
  name TEXT NOT NULL, PRIMARY KEY(level, time, kind, name)) WITHOUT ROWID;
)";

/// Version 1 has no devices; version 2 has no AS numbers and countries; version 3 has no causes.
/// Views that others made of ours are left alone: without that pragma the renaming fails at them.
constexpr const char* kFromEarlier = R"(
DROP VIEW minutes; DROP VIEW hours; DROP VIEW days; DROP VIEW periods; DROP VIEW readable_key;
PRAGMA legacy_alter_table = ON;
ALTER TABLE key RENAME TO earlier_key;
)";
constexpr const char* kKeysFromVersion1 = R"(
INSERT INTO key SELECT id, aggregate, kind, host, network, interface, remote_interface, zone, mark,
  protocol, service, remote_network, x'', -1, '' FROM earlier_key;
DROP TABLE earlier_key;
)";
constexpr const char* kKeysFromVersion2 = R"(
INSERT INTO key SELECT id, aggregate, kind, host, network, interface, remote_interface, zone, mark,
  protocol, service, remote_network, device, -1, '' FROM earlier_key;
DROP TABLE earlier_key;
)";

/// SQLite prints no IPv6 addresses: hexadecimal groups, without zeros left out.
std::string readable(const std::string& column) {
  std::string groups;
  constexpr int kDigits = 32;
  constexpr int kGroup = 4;
  for (int at = 0; at < kDigits; at += kGroup) {
    groups += fmt::format("{}substr(hex({}), {}, 4)", at == 0 ? "" : " || ':' || ", column, at + 1);
  }
  std::string pairs;
  constexpr int kMacDigits = 12;
  for (int at = 0; at < kMacDigits; at += 2) {
    pairs += fmt::format("{}substr(hex({}), {}, 2)", at == 0 ? "" : " || ':' || ", column, at + 1);
  }
  return fmt::format(
      "CASE length({0}) WHEN 4 THEN (SELECT group_concat(octet, '.') FROM (SELECT "
      "(instr('123456789ABCDEF', substr(hex({0}), 2 * n + 1, 1)) * 16 "
      "+ instr('123456789ABCDEF', substr(hex({0}), 2 * n + 2, 1))) AS octet "
      "FROM (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3))) "
      "WHEN 6 THEN lower({1}) WHEN 16 THEN lower({2}) END",
      column, pairs, groups);
}

std::string readable_keys() {
  return fmt::format(
      "CREATE VIEW readable_key AS SELECT id, aggregate, CASE kind WHEN 0 THEN 'key' WHEN 1 THEN "
      "'other' ELSE 'uncounted' END AS kind, {} AS host, nullif(network, '') AS network, "
      "nullif(interface, '') AS interface, nullif(remote_interface, '') AS remote_interface, "
      "nullif(zone, -1) AS zone, nullif(mark, -1) AS mark, nullif(protocol, -1) AS protocol, "
      "nullif(service, '') AS service, nullif(remote_network, '') AS remote_network, {} AS device, "
      "(SELECT name FROM device WHERE device.device = key.device) AS device_name, "
      "nullif(asn, -1) AS asn, nullif(country, '') AS country FROM key;\n",
      readable("host"), readable("key.device"));
}

std::string view_of(const char* name, int level) {
  return fmt::format(
      "CREATE VIEW {} AS SELECT aggregate.name AS aggregate, "
      "strftime('%Y-%m-%dT%H:%M:%SZ', usage.time, 'unixepoch') AS begin, "
      "strftime('%Y-%m-%dT%H:%M:%SZ', interval.until, 'unixepoch') AS end, "
      "CASE usage.direction WHEN 0 THEN 'in' WHEN 1 THEN 'out' WHEN 2 THEN 'local' "
      "WHEN 3 THEN 'through' ELSE 'self' END AS direction, readable_key.kind AS kind, "
      "host, network, interface, remote_interface, zone, mark, protocol, service, remote_network, "
      "device, device_name, asn, country, "
      "down_octets, up_octets, down_packets, up_packets, connections "
      "FROM usage JOIN aggregate ON aggregate.id = usage.aggregate "
      "JOIN readable_key ON readable_key.id = usage.key "
      "JOIN interval ON interval.level = usage.level AND interval.time = usage.time "
      "WHERE usage.level = {};\n",
      name, level);
}

int version_of(const Database& database) {
  Statement statement(database, "PRAGMA user_version");
  statement.step();
  return static_cast<int>(statement.number(0));
}

[[noreturn]] void fail_version(const std::string& file, int version) {
  throw std::runtime_error(
      fmt::format("{}: expected a database of accounting of version {} or before, got version {}: "
                  "it was written by a later ctflowd",
                  file, kSchemaVersion, version));
}

std::string views() {
  return readable_keys() + view_of("minutes", 0) + view_of("hours", 1) + view_of("days", 2) +
         view_of("periods", 3);
}

/// Makes what a database of that version lacks.
void bring_up(Database& database) {
  database.execute("BEGIN IMMEDIATE");
  try {
    const int version = version_of(database);  // another process may have done it
    if (version == 0) database.execute(std::string(kTables) + kKeys + kDevices);
    if (version == 1) {
      database.execute(std::string(kFromEarlier) + kKeys + kDevices + kKeysFromVersion1);
    }
    if (version == 2) {
      database.execute(std::string(kFromEarlier) + kKeys + kKeysFromVersion2);
    }
    constexpr int kWithViews = 3;  // of today
    if (version < kSchemaVersion) database.execute(kCauses);
    if (version < kWithViews) database.execute(views());
    database.execute(fmt::format("PRAGMA user_version = {}", kSchemaVersion));
    database.execute("COMMIT");
  } catch (const SqliteError&) {
    sqlite3_exec(database.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

}  // namespace

void make_directory_for(const std::string& file) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), ignored);
}

Database open_for_writing(const std::string& file) {
  Database database(file, Database::Access::kCreate);
  // FULL: a power cut costs no more than a kill. A commit has a minute, and a thread of its own.
  database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  if (version_of(database) < kSchemaVersion) bring_up(database);
  if (const int version = version_of(database); version > kSchemaVersion) {
    fail_version(file, version);
  }
  return database;
}

Database open_for_reading(const std::string& file) {
  Database database(file, Database::Access::kRead);
  const int version = version_of(database);
  if (version > kSchemaVersion) fail_version(file, version);
  if (version == 0) throw std::runtime_error(file + ": no database of accounting");
  return database;
}

std::optional<std::int64_t> meta_value(const Database& database, const std::string& name) {
  Statement select(database, "SELECT value FROM meta WHERE name = ?");
  if (!select.bind(1, name).step()) return std::nullopt;
  return select.number(0);
}

}  // namespace ctflow::accounting
