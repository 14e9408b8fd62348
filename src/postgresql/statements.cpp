// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/statements.hpp"

#include <fmt/format.h>

#include <utility>

#include "postgresql/columns.hpp"
#include "text/time_text.hpp"

namespace ctflow::postgresql {
namespace {

/// For what a lock of another session is waited for: what waits for longer is tried again.
constexpr const char* kPatience = "SET LOCAL lock_timeout = '10s'; ";
/// Of a lock that keeps readers waiting behind us.
constexpr const char* kShortPatience = "SET LOCAL lock_timeout = '1s'; ";

/// A session whose client is gone without a word must not keep the lock of a batch for hours.
constexpr const char* kLetGo =
    "SET tcp_keepalives_idle = '30s'; SET tcp_keepalives_interval = '10s'; "
    "SET tcp_keepalives_count = 3; SET tcp_user_timeout = '60s'; "
    "SET idle_in_transaction_session_timeout = '60s'; ";

std::string quoted_name(std::string_view name) { return fmt::format("\"{}\"", name); }

/// Names have no quotes in them: the settings refuse those.
std::string literal(std::string_view text) { return fmt::format("'{}'", text); }

std::string column_list(bool with_types) {
  std::string list;
  for (const Column& column : columns()) {
    if (!list.empty()) list += ", ";
    list += column.name;
    if (with_types) list += fmt::format(" {}", column.type);
  }
  return list;
}

/// Those that a table which an earlier version made may not have: the others cannot be added to
/// rows without a value.
std::string add_columns(const std::string& table) {
  std::string text;
  for (const Column& column : columns()) {
    if (std::string_view(column.type).find("NOT NULL") != std::string_view::npos) continue;
    text += fmt::format("{} ADD COLUMN IF NOT EXISTS {} {}",
                        text.empty() ? "ALTER TABLE " + table : ",", column.name, column.type);
  }
  return text + "; ";
}

/// What people look for: times, addresses without the prefix length of inet, protocols by name.
constexpr const char* kView =
    "SELECT reported, event, start_time, end_time, end_time - start_time AS duration, end_reason, "
    "CASE family(initiator_address) WHEN 4 THEN 'ipv4' ELSE 'ipv6' END AS family, "
    "CASE protocol WHEN 1 THEN 'icmp' WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 33 THEN 'dccp' "
    "WHEN 47 THEN 'gre' WHEN 50 THEN 'esp' WHEN 58 THEN 'icmpv6' WHEN 132 THEN 'sctp' "
    "WHEN 136 THEN 'udplite' ELSE protocol::text END AS protocol, "
    "host(initiator_address) AS initiator, initiator_port, "
    "host(initiator_nat_address) AS initiator_public, initiator_nat_port AS "
    "initiator_public_port, "
    "host(responder_address) AS responder, responder_port, "
    "host(responder_nat_address) AS responder_inside, responder_nat_port AS "
    "responder_inside_port, "
    "initiator_packets_delta AS packets_sent, initiator_octets_delta AS octets_sent, "
    "responder_packets_delta AS packets_received, responder_octets_delta AS octets_received, "
    "coalesce(initiator_ingress_name, initiator_ingress_index::text) AS ingress, "
    "coalesce(initiator_egress_name, initiator_egress_index::text) AS egress, "
    "zone, mark, namespace, initiator_mac, initiator_as, initiator_country, responder_mac, "
    "responder_as, responder_country FROM ";

}  // namespace

Statements::Statements(std::string_view table, std::string writer, std::chrono::days retention)
    : writer_(std::move(writer)), retention_(retention) {
  if (const std::size_t dot = table.find('.'); dot != std::string_view::npos) {
    schema_ = quoted_name(table.substr(0, dot)) + ".";
    table.remove_prefix(dot + 1);
  }
  name_ = table;
  copy_ = fmt::format("COPY {} ({}) FROM STDIN", named(""), column_list(false));
}

std::string Statements::named(const std::string& suffix) const {
  return schema_ + quoted_name(name_ + suffix);
}

std::string Statements::find_table() const {
  // Text that is escaped as this program does it, and times of any year, in every session.
  return fmt::format(
      "SET standard_conforming_strings = on; SET client_encoding = 'UTF8'; "
      "SET datestyle = 'ISO'; {0}SELECT relkind FROM pg_class WHERE oid = to_regclass({1}) AND "
      "to_regclass({2}) IS NOT NULL AND (SELECT count(*) FROM pg_attribute WHERE attrelid = "
      "to_regclass({1}) AND NOT attisdropped AND attname = ANY (string_to_array({3}, ', '))) = {4}",
      kLetGo, literal(named("")), literal(named("_writers")), literal(column_list(false)),
      columns().size());
}

std::string Statements::find_missing_columns() const {
  return fmt::format(
      "SELECT wanted FROM unnest(string_to_array({1}, ', ')) AS wanted WHERE to_regclass({0}) IS "
      "NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass({0}) AND "
      "NOT attisdropped AND attname = wanted)",
      literal(named("")), literal(column_list(false)));
}

std::string Statements::make_tables() const {
  const std::string lock = literal(fmt::format("ctflowd {}", named("")));
  std::string text = fmt::format(
      "BEGIN; {}SELECT pg_advisory_xact_lock(hashtext({})); "
      "CREATE TABLE IF NOT EXISTS {} ({}) PARTITION BY RANGE (reported); ",
      kPatience, lock, named(""), column_list(true));
  text += add_columns(named(""));
  text += fmt::format("CREATE INDEX IF NOT EXISTS {} ON {} (initiator_address, end_time); ",
                      quoted_name(name_ + "_initiator"), named(""));
  text += fmt::format(
      "CREATE INDEX IF NOT EXISTS {} ON {} (initiator_nat_address, initiator_nat_port) "
      "WHERE initiator_nat_address IS NOT NULL; ",
      quoted_name(name_ + "_public"), named(""));
  text += fmt::format(
      "CREATE TABLE IF NOT EXISTS {} (writer text PRIMARY KEY, batch bigint NOT NULL, "
      "committed timestamptz NOT NULL); ",
      named("_writers"));
  text += fmt::format("CREATE OR REPLACE VIEW {} AS {}{}; COMMIT", named("_readable"), kView,
                      named(""));
  return text;
}

std::string Statements::make_partitions(const std::vector<Day>& days) const {
  std::string text = fmt::format("BEGIN; {}SELECT pg_advisory_xact_lock(hashtext({})); ", kPatience,
                                 literal(fmt::format("ctflowd {}", named(""))));
  text += "DO $ctflowd$ BEGIN ";
  for (const Day day : days) {
    // ATTACH lets others read and write meanwhile; CREATE TABLE … PARTITION OF does not.
    const std::string partition = named(fmt::format("_{}", text::date_text(day, "")));
    text += fmt::format(
        "IF to_regclass({0}) IS NULL THEN CREATE TABLE {1} (LIKE {2} INCLUDING ALL); "
        "ALTER TABLE {2} ATTACH PARTITION {1} FOR VALUES FROM ('{3} 00:00:00+00') TO "
        "('{4} 00:00:00+00'); END IF; ",
        literal(partition), partition, named(""), text::date_text(day),
        text::date_text(day + std::chrono::days(1)));
  }
  return text + "END $ctflowd$; COMMIT";
}

std::string Statements::begin(std::uint64_t batch) const {
  return fmt::format(
      "BEGIN; {0}INSERT INTO {1} AS known (writer, batch, committed) VALUES ({2}, {3}, now()) "
      "ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch, committed = excluded.committed "
      "WHERE known.batch < excluded.batch",
      kPatience, named("_writers"), literal(writer_), batch);
}

std::string Statements::find_old(TimePoint now) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  return fmt::format(
      "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
      "WHERE inhparent = to_regclass({}) AND relname ~ {} AND right(relname, 8) <= "
      "to_char((least(now(), to_timestamp({})) AT TIME ZONE 'UTC') - interval '{} days', "
      "'YYYYMMDD') ORDER BY relname",
      literal(named("")), literal(fmt::format("^{}_[0-9]{{8}}$", name_)), seconds,
      retention_.count() + 1);
}

std::string Statements::drop(const std::string& partition) const {
  return fmt::format("BEGIN; {}DROP TABLE {}{}; COMMIT", kShortPatience, schema_,
                     quoted_name(partition));
}

}  // namespace ctflow::postgresql
