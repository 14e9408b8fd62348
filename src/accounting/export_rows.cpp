// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/export_rows.hpp"

#include <ostream>
#include <string_view>

namespace ctflow::accounting {
namespace {

constexpr const char* kColumns =
    "aggregate,\"begin\",\"end\",direction,kind,host,network,interface,remote_interface,zone,mark,"
    "protocol,"
    "service,remote_network,device,device_name,down_octets,up_octets,down_packets,up_packets,"
    "connections";
constexpr int kCount = 21;

}  // namespace

const std::map<std::string, std::string>& level_views() {
  static const std::map<std::string, std::string> views{
      {"minute", "minutes"}, {"hour", "hours"}, {"day", "days"}, {"period", "periods"}};
  return views;
}

std::string field_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

void export_rows(const Database& database, const std::string& view, std::ostream& out) {
  for (const char c : std::string_view(kColumns)) {
    if (c != '"') out << c;
  }
  out << '\n';
  Statement rows(
      database, std::string("SELECT ") + kColumns + " FROM " + view + " ORDER BY begin, aggregate");
  while (rows.step()) {
    for (int column = 0; column < kCount; ++column) {
      if (column > 0) out << ',';
      out << field_text(rows.text(column));
    }
    out << '\n';
  }
}

}  // namespace ctflow::accounting
