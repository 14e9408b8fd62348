// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/export_rows.hpp"

#include <cstdint>
#include <ostream>
#include <string_view>

#include "accounting/schema.hpp"

namespace ctflow::accounting {
namespace {

constexpr int kCount = 23;

/// Spreadsheets compute a field that begins so, also one in quotes; names are those that devices
/// give themselves.
constexpr std::string_view kBeginOfFormula = "=+-@\t\r";

/// What the views of an earlier version lack is empty: a database that is only read stays as it is.
std::string exported_columns(std::int64_t version) {
  std::string columns =
      "aggregate,\"begin\",\"end\",direction,kind,host,network,interface,remote_interface,zone,"
      "mark,protocol,service,remote_network,";
  columns += version < 2 ? "NULL,NULL," : "device,device_name,";
  columns += version < 3 ? "NULL,NULL," : "asn,country,";
  return columns + "down_octets,up_octets,down_packets,up_packets,connections";
}

}  // namespace

const std::map<std::string, std::string>& level_views() {
  static const std::map<std::string, std::string> views{
      {"minute", "minutes"}, {"hour", "hours"}, {"day", "days"}, {"period", "periods"}};
  return views;
}

std::string field_text(const std::string& given) {
  std::string text = given;
  if (!text.empty() && kBeginOfFormula.find(text.front()) != std::string_view::npos) {
    text.insert(0, 1, '\'');
  }
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

void export_rows(const Database& database, const std::string& view, std::ostream& out) {
  for (const char c : exported_columns(kSchemaVersion)) {
    if (c != '"') out << c;
  }
  out << '\n';
  Statement version(database, "PRAGMA user_version");
  version.step();
  Statement rows(database, "SELECT " + exported_columns(version.number(0)) + " FROM " + view +
                               " ORDER BY begin, aggregate");
  while (rows.step()) {
    for (int column = 0; column < kCount; ++column) {
      if (column > 0) out << ',';
      out << field_text(rows.text(column));
    }
    out << '\n';
  }
}

}  // namespace ctflow::accounting
