// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/answer_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "text/endpoint_text.hpp"
#include "text/people_text.hpp"
#include "text/protocol_text.hpp"
#include "text/time_text.hpp"

namespace ctflow::nat {
namespace {

using Json = nlohmann::ordered_json;

std::string end_or(const std::string& address, std::uint16_t port, const char* without) {
  return address.empty() ? without : text::endpoint_text(address, port);
}

std::string began_text(const Found& row) {
  return ((row.unsure & unsure::kBegan) != 0 ? "before " : "") + text::exact_utc_text(row.began);
}

std::string ended_text(const Found& row) {
  if (!row.ended) return "(open)";
  return ((row.unsure & unsure::kEnded) != 0 ? "unknown, before " : "") +
         text::exact_utc_text(*row.ended);
}

/// What says so.
const char* origin_of(const Found& row) { return row.from_map ? "map" : "log"; }

std::string protocol_of_row(const Found& row) {
  return row.any_protocol ? "any" : text::protocol_text(row.protocol);
}

std::string inside_text(const Found& row) {
  if (row.from_map && !row.inside_address.empty()) return row.inside_address;
  return end_or(row.inside_address, row.inside_port, "(forgotten)");
}

std::string public_text(const Found& row) {
  const std::string first = text::endpoint_text(row.public_address, row.public_port);
  return row.from_map ? fmt::format("{}-{}", first, row.public_last_port) : first;
}

std::string by_text(const Found& row) {
  const std::string zone = row.zone == 0 ? "" : fmt::format(" zone {}", row.zone);
  return (row.destination_nat ? "dnat" : "snat") + zone;
}

/// Of a map: it holds still, as far as was written.
std::string until_text(const Found& row) {
  return row.from_map && !row.ended ? "(holds)" : ended_text(row);
}

constexpr std::size_t kColumns = 8;
using Line = std::array<std::string, kColumns>;

std::string table(const std::vector<Found>& rows) {
  std::vector<Line> lines{{"protocol", "inside", "public", "remote", "from", "to", "by", "source"}};
  for (const Found& row : rows) {
    lines.push_back({protocol_of_row(row), inside_text(row), public_text(row),
                     end_or(row.remote_address, row.remote_port, "-"), began_text(row),
                     until_text(row), by_text(row), origin_of(row)});
  }
  std::string text;
  for (const Line& line : lines) {
    std::string shown;
    for (std::size_t column = 0; column < kColumns; ++column) {
      std::size_t width = 0;
      for (const Line& other : lines) width = std::max(width, other[column].size());
      shown += fmt::format("{:<{}}  ", line[column], width);
    }
    text += shown.substr(0, shown.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string csv(const std::vector<Found>& rows) {
  std::string text =
      "protocol,inside_address,inside_port,public_address,public_port,remote_address,remote_port,"
      "began,ended,began_before,end_unknown,nat,zone,source,public_last_port\n";
  for (const Found& row : rows) {
    const bool remote = !row.remote_address.empty();
    const bool inside = !row.inside_address.empty() && !row.from_map;
    text += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
        row.any_protocol ? "" : std::to_string(row.protocol), row.inside_address,
        inside ? std::to_string(row.inside_port) : "", row.public_address, row.public_port,
        row.remote_address, remote ? std::to_string(row.remote_port) : "",
        text::exact_utc_text(row.began), row.ended ? text::exact_utc_text(*row.ended) : "",
        row.unsure & unsure::kBegan, (row.unsure & unsure::kEnded) >> 1,
        row.destination_nat ? "dnat" : "snat", row.zone, origin_of(row),
        row.from_map ? std::to_string(row.public_last_port) : "");
  }
  return text;
}

Json end_json(const std::string& address, std::uint16_t port) {
  if (address.empty()) return nullptr;
  return Json{{"address", address}, {"port", port}};
}

/// An entry of a map: `port` is the first of its ports.
Json entry_json(const Found& row) {
  Json inside = nullptr;
  if (!row.inside_address.empty())
    inside = Json{{"address", row.inside_address}, {"port", nullptr}};
  return Json{{"source", "map"},
              {"protocol", row.any_protocol ? Json(nullptr) : Json(row.protocol)},
              {"inside", inside},
              {"public",
               {{"address", row.public_address},
                {"port", row.public_port},
                {"last_port", row.public_last_port}}},
              {"remote", nullptr},
              {"began", text::exact_utc_text(row.began)},
              {"ended", row.ended ? Json(text::exact_utc_text(*row.ended)) : Json(nullptr)},
              {"began_before", false},
              {"end_unknown", false},
              {"nat", "snat"},
              {"zone", row.zone}};
}

Json row_json(const Found& row) {
  if (row.from_map) return entry_json(row);
  return Json{{"source", "log"},
              {"protocol", row.protocol},
              {"inside", end_json(row.inside_address, row.inside_port)},
              {"public", end_json(row.public_address, row.public_port)},
              {"remote", end_json(row.remote_address, row.remote_port)},
              {"began", text::exact_utc_text(row.began)},
              {"ended", row.ended ? Json(text::exact_utc_text(*row.ended)) : Json(nullptr)},
              {"began_before", (row.unsure & unsure::kBegan) != 0},
              {"end_unknown", (row.unsure & unsure::kEnded) != 0},
              {"nat", row.destination_nat ? "dnat" : "snat"},
              {"zone", row.zone}};
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOne:
      return "one";
    case Verdict::kNone:
      return "none";
    case Verdict::kCannotSay:
      return "cannot_say";
    case Verdict::kSeveral:
      return "several";
  }
  return "";
}

/// Whether connections say so, or only the map.
std::string one_text(const Answer& answer) {
  const bool logged = std::any_of(answer.found.begin(), answer.found.end(),
                                  [](const Found& row) { return !row.from_map; });
  return fmt::format("one: {}{}", answer.found.front().inside_address,
                     logged ? "" : ", whose port it was by the map of the ruleset");
}

std::string counted(std::int64_t number, const char* one, const char* others) {
  return text::count_text(static_cast<std::uint64_t>(number), one, others);
}

/// Of one inside host at most.
std::string cannot_say_text(const Answer& answer) {
  if (answer.found.empty()) return "cannot say: the log may have missed it";
  if (answer.found.front().inside_address.empty()) {
    return "cannot say: the address was removed from the log on request";
  }
  if (answer.other_zones) {
    return fmt::format(
        "cannot say: it was {} in conntrack zone {}; a host of another zone may have had it as "
        "well: --zone decides",
        answer.found.front().inside_address, answer.found.front().zone);
  }
  if (!answer.same_map) return "cannot say: others may have had it as well";
  return fmt::format(
      "cannot say: it was a port of {} by the map of the ruleset, which was the same before and "
      "after; what did not follow it may be missing",
      answer.found.front().inside_address);
}

/// What the maps said before and after the holes.
std::string around_text(const Answer& answer, const Question& question) {
  std::string text;
  for (const Found& entry : answer.around) {
    const bool before = entry.began <= question.at;
    text += fmt::format("{}: {} had {} by the map {} {}\n", before ? "before" : "after",
                        inside_text(entry), public_text(entry), before ? "until" : "from",
                        before ? until_text(entry) : began_text(entry));
  }
  return text;
}

std::string several_text(const Answer& answer, const Question& question) {
  std::set<std::pair<std::string, std::uint16_t>> hosts;
  for (const Found& row : answer.found) hosts.emplace(row.inside_address, row.zone);
  const std::string several = fmt::format(
      "several: {} inside hosts had it within that time, one after the other or towards "
      "different destinations",
      hosts.size());
  const std::uint16_t zone = answer.found.front().zone;
  if (std::any_of(answer.found.begin(), answer.found.end(),
                  [&](const Found& row) { return row.zone != zone; })) {
    return several + ", or in different conntrack zones: --zone decides between these";
  }
  const bool logged = std::any_of(answer.found.begin(), answer.found.end(),
                                  [](const Found& row) { return !row.remote_address.empty(); });
  if (!logged) return several + "; destinations are not logged (nat_log.destination)";
  return several + (question.remote ? "" : ": --remote decides");
}

}  // namespace

std::string rows_text(const std::vector<Found>& rows, AnswerFormat format) {
  if (format == AnswerFormat::kCsv) return csv(rows);
  if (format == AnswerFormat::kTable) return rows.empty() ? "" : table(rows);
  Json all = Json::array();
  for (const Found& row : rows) all.push_back(row_json(row));
  return all.dump(2) + "\n";
}

std::string verdict_text(const Answer& answer, const Question& question) {
  std::string text;
  switch (answer.verdict) {
    case Verdict::kOne:
      text = one_text(answer);
      break;
    case Verdict::kNone:
      text = "none: no inside host had it then";
      break;
    case Verdict::kSeveral:
      text = several_text(answer, question);
      break;
    case Verdict::kCannotSay:
      text = cannot_say_text(answer);
      break;
  }
  text += "\n";
  for (const Hole& hole : answer.holes) {
    text += fmt::format("incomplete from {} to {}: {}{}\n", text::exact_utc_text(hole.began),
                        hole.ended ? text::exact_utc_text(*hole.ended) : "now", hole.reason,
                        hole.connections == 0 ? ""
                                              : ", " + counted(hole.connections, "beginning or end",
                                                               "beginnings and ends"));
  }
  for (const std::string& why : answer.missing) text += "incomplete: " + why + "\n";
  return text + around_text(answer, question);
}

std::string forgotten_text(const Forgotten& done) {
  std::string text =
      fmt::format("removed from {}: as the inside address from {}, as the remote address from {}\n",
                  text::count_text(done.files, "file", "files"),
                  counted(done.inside, "row", "rows"), counted(done.remote, "row", "rows"));
  if (done.entries > 0) {
    text += fmt::format("removed from {} that held once\n",
                        counted(done.entries, "entry of a map", "entries of maps"));
  }
  if (done.kept > 0) {
    text += counted(
        done.kept,
        "entry of a map that holds names it still: it is the configuration of this host, ",
        "entries of maps that hold name it still: they are the configuration of this host, ");
    text += "change the ruleset, then run this again\n";
  }
  return text;
}

std::string still_there_text(const Forgotten& done) {
  if (done.busy == 0) return "";
  return text::count_text(
             done.busy, "file is being read by others, and its write-ahead log still has it",
             "files are being read by others, and their write-ahead log still has it") +
         ": run this again\n";
}

std::string answer_json(const Answer& answer, const Question& question) {
  Json out{{"verdict", name_of(answer.verdict)},
           {"at", text::exact_utc_text(question.at)},
           {"tolerance_ms", question.tolerance.count()}};
  out["rows"] = Json::array();
  for (const Found& row : answer.found) out["rows"].push_back(row_json(row));
  out["holes"] = Json::array();
  for (const Hole& hole : answer.holes) {
    out["holes"].push_back(
        {{"began", text::exact_utc_text(hole.began)},
         {"ended", hole.ended ? Json(text::exact_utc_text(*hole.ended)) : Json(nullptr)},
         {"reason", hole.reason},
         {"connections", hole.connections}});
  }
  out["missing"] = answer.missing;
  out["around"] = Json::array();
  for (const Found& entry : answer.around) out["around"].push_back(row_json(entry));
  return out.dump(2) + "\n";
}

}  // namespace ctflow::nat
