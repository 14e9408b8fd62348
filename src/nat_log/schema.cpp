// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/schema.hpp"

#include <fmt/format.h>

namespace ctflow::nat {
namespace {

/// The rows of `nat` are kept in the order of their key, which is that of look-ups: no index
/// repeats it. Times are milliseconds since the beginning of the day, so that they take four
/// octets.
constexpr const char* kTables = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE nat(
  public_address BLOB NOT NULL,
  protocol INTEGER NOT NULL,
  public_port INTEGER NOT NULL,
  began INTEGER NOT NULL,
  id INTEGER NOT NULL,
  dnat INTEGER NOT NULL,
  ended INTEGER,
  unsure INTEGER NOT NULL,
  inside_address BLOB,
  inside_port INTEGER,
  zone INTEGER NOT NULL,
  remote_address BLOB,
  remote_port INTEGER,
  PRIMARY KEY(public_address, protocol, public_port, began, id, dnat)) WITHOUT ROWID;
CREATE INDEX still_open ON nat(began) WHERE ended IS NULL;
CREATE INDEX ended_later ON nat(ended) WHERE ended >= 86400000;
CREATE TABLE holes(
  began INTEGER NOT NULL,
  ended INTEGER,
  reason TEXT NOT NULL,
  connections INTEGER NOT NULL);
)";

/// As in `nat`. A protocol of -1 is any.
constexpr const char* kMapsTable = R"(
CREATE TABLE maps(
  public_address BLOB NOT NULL,
  protocol INTEGER NOT NULL,
  first_port INTEGER NOT NULL,
  last_port INTEGER NOT NULL,
  began INTEGER NOT NULL,
  ended INTEGER,
  inside_address BLOB,
  PRIMARY KEY(public_address, protocol, first_port, last_port, began)) WITHOUT ROWID;
)";

/// Digits of octet number `octet` (from 1) of a column, in decimal.
std::string octet_sql(const std::string& column, int octet) {
  const auto digit = [&](int which) {
    return fmt::format("(instr('0123456789ABCDEF',substr(hex({}),{},1))-1)", column,
                       2 * octet - 1 + which);
  };
  return fmt::format("({}*16+{})", digit(0), digit(1));
}

/// An address as text: IPv4 with dots, IPv6 as eight groups.
std::string address_sql(const std::string& column) {
  std::string ipv4;
  for (int octet = 1; octet <= 4; ++octet) {
    ipv4 += (octet > 1 ? "||'.'||" : "") + octet_sql(column, octet);
  }
  std::string ipv6;
  for (int group = 0; group < 8; ++group) {
    ipv6 += fmt::format("{}substr(lower(hex({})),{},4)", group > 0 ? "||':'||" : "", column,
                        4 * group + 1);
  }
  return fmt::format("CASE length({}) WHEN 4 THEN {} WHEN 16 THEN {} END", column, ipv4, ipv6);
}

std::string time_sql(const std::string& column) {
  return fmt::format(
      "strftime('%Y-%m-%dT%H:%M:%fZ',((SELECT value FROM meta WHERE key='day')+{})/1000.0,"
      "'unixepoch')",
      column);
}

}  // namespace

std::string schema() {
  return fmt::format(
      "{}CREATE VIEW translations AS SELECT protocol, {} AS public_address, public_port, {} AS "
      "inside_address, inside_port, {} AS remote_address, remote_port, {} AS began, {} AS ended, "
      "dnat, zone, unsure & 1 AS began_before, unsure >> 1 AS end_unknown FROM nat;"
      "PRAGMA user_version={};",
      kTables, address_sql("public_address"), address_sql("inside_address"),
      address_sql("remote_address"), time_sql("began"), time_sql("ended"), kSchemaVersion);
}

std::string maps_schema() {
  return fmt::format("{}PRAGMA user_version={};", kMapsTable, kSchemaWithMaps);
}

}  // namespace ctflow::nat
