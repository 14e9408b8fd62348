// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/postgresql_settings.hpp"

#include <algorithm>

#include "config/missing_part.hpp"
#include "config/nat_log_settings.hpp"
#include "postgresql/connection_text.hpp"
#include "version/built_parts.hpp"

namespace ctflow::config {
namespace {

bool is_sql_name(std::string_view text) {
  constexpr std::size_t kLongest = 40;  // of 63, with room for what is added
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= kLongest && plain(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || digit(c); });
}

ValueFormat<std::string> table_name() {
  return {
      "the name of a table, perhaps with a schema before it, SCHEMA.TABLE: each of 1 to 40 "
      "small letters, digits and underscores",
      [](std::string_view text) -> Parsed<std::string> {
        const std::size_t dot = text.find('.');
        const bool valid = dot == std::string_view::npos ? is_sql_name(text)
                                                         : is_sql_name(text.substr(0, dot)) &&
                                                               is_sql_name(text.substr(dot + 1));
        if (valid) return {std::string(text), ""};
        return {std::nullopt, ""};
      }};
}

/// Whatever it is, it is not shown: it may have a password in it.
ValueFormat<std::string> connection_text() {
  return {"key words and values of libpq", [](std::string_view text) -> Parsed<std::string> {
            if (text.empty()) return {std::nullopt, ""};
            return {std::string(text), ""};
          }};
}

/// libpq would stop at a NUL, and what is behind it would be neither checked nor used.
std::optional<Complaint> check_connection_text(const PostgresqlConfig& config) {
  if (config.connection.find('\0') == std::string::npos) return std::nullopt;
  return Complaint{"connection", "expected a text without NUL octets"};
}

}  // namespace

Section<PostgresqlConfig> postgresql_settings() {
  using P = PostgresqlConfig;
  constexpr unsigned kTenYears = 3660;
  return {{
              value("connection", kRequired, connection_text(), &P::connection),
              value("table", kOptional, table_name(), &P::table),
              value("retention", kRequired, days(kTenYears), &P::retention),
          },
          check_connection_text};
}

std::optional<Complaint> check_postgresql(const ConnectionLogConfig& log) {
  const bool used = log.to == LogDestination::kPostgresql;
  if (used && !built_parts().postgresql) return Complaint{"to", kWithoutPostgresql};
  const std::string& connection = log.postgresql.connection;
  if (used && connection.empty()) {
    return Complaint{"postgresql", "missing: expected connection and retention"};
  }
  if (connection.empty()) return std::nullopt;
  // Also where it is not used: a password must not stand there.
  const auto fault = postgresql::fault_of_connection(connection);
  if (!fault) return std::nullopt;
  return Complaint{"postgresql", "connection: " + *fault};
}

}  // namespace ctflow::config
