// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/report_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "accounting/export_rows.hpp"
#include "accounting/spread.hpp"
#include "accounting/unused.hpp"
#include "text/escape.hpp"
#include "text/people_text.hpp"
#include "text/time_text.hpp"

namespace ctflow::accounting {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kWidth = 80;
constexpr std::size_t kNameWidth = 25;
constexpr std::size_t kBarWidth = 18;

/// Blocks of an eighth each.
std::string bar(std::uint64_t part, std::uint64_t whole) {
  constexpr std::array<const char*, 8> kEighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  constexpr std::size_t kParts = 8;
  if (whole == 0) return std::string(kBarWidth, ' ');
  const auto eighths = static_cast<std::size_t>(static_cast<double>(part) /
                                                static_cast<double>(whole) * kBarWidth * kParts);
  std::string text;
  for (std::size_t i = 0; i < eighths / kParts; ++i) text += "█";
  std::size_t columns = eighths / kParts;
  if (eighths % kParts != 0) {
    text += kEighths.at(eighths % kParts);
    ++columns;
  }
  return text + std::string(kBarWidth > columns ? kBarWidth - columns : 0, ' ');
}

std::string span_text(std::chrono::minutes span) {
  constexpr std::int64_t kHour = 60;
  constexpr std::int64_t kDay = 24 * kHour;
  const auto both = [](std::int64_t whole, const char* unit, std::int64_t rest, const char* of) {
    return rest == 0 ? fmt::format("{} {}", whole, unit)
                     : fmt::format("{} {} {} {}", whole, unit, rest, of);
  };
  const auto count = span.count();
  if (count < kHour) return fmt::format("{} min", count);
  if (count < 3 * kDay) return both(count / kHour, "h", count % kHour, "min");
  return both(count / kDay, "days", count % kDay / kHour, "h");
}

/// Until then it has rows: the minute that goes on does not count.
Minute end_of(const Report& report) {
  return report.now > report.from ? std::min(report.until, report.now) : report.until;
}

/// What is not shown by itself.
struct Rest {
  Amounts amounts;
  std::size_t rows = 0;
};

Rest rest_of(const Report& report, std::size_t top) {
  Rest rest;
  for (std::size_t i = top; i < report.rows.size(); ++i) {
    rest.amounts += report.rows[i].amounts;
    ++rest.rows;
  }
  return rest;
}

class Table {
 public:
  Table(const Report& report, const ReportView& view) : total_(report.total), view_(view) {}

  void heading(const std::string& by) {
    out_ += fmt::format("{:<{}}{:>10}{:>10}{:>9}  share\n", by, kNameWidth, "down", "up", "conns");
  }

  void row(const std::string& name, const Amounts& amounts, bool with_bar) {
    const auto octets = [&](std::uint64_t number) {
      return view_.bytes ? std::to_string(number) : text::people_text(number);
    };
    const std::uint64_t percent =
        total_.octets() == 0 ? 0 : (share(amounts.octets(), 200, total_.octets()) + 1) / 2;
    std::string shown = text::printable(name);
    if (shown.empty()) shown = "-";
    out_ += fmt::format(
        "{:<{}} {:>9} {:>9} {:>8}  {} {:>3} %\n", shown, kNameWidth, octets(amounts.down_octets),
        octets(amounts.up_octets),
        view_.bytes ? std::to_string(amounts.connections) : text::count_text(amounts.connections),
        bar(with_bar ? amounts.octets() : 0, total_.octets()), percent);
  }

  [[nodiscard]] const std::string& text() const { return out_; }

 private:
  const Amounts total_;
  const ReportView view_;
  std::string out_;
};

Json amounts_json(const Amounts& amounts) {
  return Json{{"down_octets", amounts.down_octets},
              {"up_octets", amounts.up_octets},
              {"down_packets", amounts.down_packets},
              {"up_packets", amounts.up_packets},
              {"connections", amounts.connections}};
}

Json missing_json(const Report& report) {
  Json gaps = Json::array();
  for (const Gap& gap : report.gaps) {
    gaps.push_back({{"from", text::utc_text(gap.from)},
                    {"until", text::utc_text(gap.until)},
                    {"reason", gap.reason}});
  }
  Json causes = Json::array();
  for (const Cause& one : report.causes) {
    causes.push_back({{"kind", one.kind}, {"name", text::printable(one.name)}});
  }
  return Json{{"lost_events", report.missing.lost_events},
              {"no_counters", report.missing.no_counters},
              {"counters_fell", report.missing.counters_fell},
              {"fallen_packets", report.missing.fallen_packets},
              {"late", report.missing.late},
              {"causes", causes},
              {"gaps", gaps}};
}

/// Names of one kind, with commas between them.
std::string names_of(const Report& report, const char* kind) {
  std::string names;
  for (const Cause& one : report.causes) {
    if (one.kind != kind) continue;
    names += (names.empty() ? "" : ", ") + text::printable(one.name);
  }
  return names;
}

bool has_cause(const Report& report, const char* kind) {
  return std::any_of(report.causes.begin(), report.causes.end(),
                     [&](const Cause& one) { return one.kind == kind; });
}

const char* reason_text(const std::string& reason) {
  if (reason == "not_running") return "ctflowd did not run";
  if (reason == "accounting_began") return "before accounting began";
  if (reason == kNotCounted) return "this was not among the aggregates of the settings";
  if (reason == "not_kept") return "older than the retention";
  if (reason == "nothing_written") return "nothing was written";
  return "unknown";
}

/// Rows of the last commit_interval are in memory yet; empty: it is short.
std::string not_written_text(const Report& report, const Calendar& calendar) {
  constexpr std::chrono::minutes kUsual{2};
  const bool goes_on = report.until > report.now;
  const bool known = std::any_of(report.gaps.begin(), report.gaps.end(),
                                 [](const Gap& gap) { return gap.reason == "nothing_written"; });
  if (!goes_on || known || !report.written || report.now - *report.written <= kUsual) return "";
  return fmt::format("written until {}: what was counted later is not in it yet",
                     text::minute_text(calendar.local(*report.written)));
}

}  // namespace

std::string title_line(const Report& report, const Calendar& calendar, const std::string& what,
                       const std::string& scope) {
  const std::string complete = report.complete() ? "complete" : "incomplete";
  const std::string title =
      fmt::format("Since {} ({}), {}, {}", text::minute_text(calendar.local(report.from)),
                  span_text(end_of(report) - report.from), what, scope);
  const std::size_t room = kWidth > title.size() + 1 ? kWidth - title.size() : complete.size() + 1;
  return fmt::format("{}{:>{}}\n", title, complete, room);
}

std::string completeness_text(const Report& report) {
  if (report.complete()) return "complete";
  const Missing& missing = report.missing;
  std::string text = "missing:";
  const auto add = [&](const std::string& part) {
    text += (text.back() == ':' ? " " : "; ") + part;
  };
  if (missing.lost_events > 0) {
    add(fmt::format("about {} (events lost)",
                    text::count_text(missing.lost_events, "connection", "connections")));
  }
  if (missing.no_counters > 0) {
    add(text::count_text(missing.no_counters, "report of a connection", "reports of connections") +
        " (without counters)");
  }
  if (missing.counters_fell > 0) {
    const std::string programs = names_of(report, kCountersReset);
    add(fmt::format("parts of {} (another program set {} counters to zero{})",
                    text::count_text(missing.counters_fell, "connection", "connections"),
                    missing.counters_fell == 1 ? "its" : "their",
                    programs.empty() ? "" : ": seen " + programs));
  }
  if (const std::string names = names_of(report, kFlowtableUncounted); !names.empty()) {
    add(fmt::format("what was forwarded by {} (a flowtable that does not count)", names));
  }
  if (const std::string names = names_of(report, kHardwareUncounted); !names.empty()) {
    add(fmt::format("what was forwarded by {} (past the counters)", names));
  }
  if (has_cause(report, kConnectionsVanished)) {
    add("the last traffic of connections that vanished without an event");
  }
  if (has_cause(report, kEventsOff)) {
    add("connections that ended while the kernel sent no events (nf_conntrack_events=0)");
  }
  if (has_cause(report, kCountedTwice)) {
    add("nothing, but what two ctflowd counted to this database is in it twice");
  }
  for (const Gap& gap : report.gaps) {
    add(fmt::format("{} ({})", span_text(std::max(gap.until - gap.from, std::chrono::minutes(0))),
                    reason_text(gap.reason)));
  }
  return text;
}

std::string left_out_text(const Report& report) {
  if (report.left_out.empty()) return "";
  return text::printable(
      fmt::format("not counted: what is left out by {}", fmt::join(report.left_out, ", ")));
}

std::string report_table(const Report& report, const Calendar& calendar, const ReportView& view) {
  std::string out = title_line(report, calendar, "by " + report.by, view.scope);
  Table table(report, view);
  table.heading(report.by);
  const std::size_t shown = std::min(view.top, report.rows.size());
  for (std::size_t i = 0; i < shown; ++i)
    table.row(report.rows[i].name, report.rows[i].amounts, true);
  const Rest rest = rest_of(report, view.top);
  if (rest.rows > 0) table.row(fmt::format("other ({})", rest.rows), rest.amounts, false);
  if (report.other != Amounts{}) table.row("other (max_keys)", report.other, false);
  if (report.uncounted != Amounts{}) table.row("uncounted", report.uncounted, false);
  table.row("total", report.total, false);
  out += table.text();
  if (!report.complete()) out += completeness_text(report) + "\n";
  if (!report.left_out.empty()) out += left_out_text(report) + "\n";
  if (const std::string text = not_written_text(report, calendar); !text.empty())
    out += text + "\n";
  if (report.missing.late > 0) {
    out += fmt::format(
        "{} later\n",
        text::count_text(report.missing.late,
                         "report was older than the minutes that are kept, and counts",
                         "reports were older than the minutes that are kept, and count"));
  }
  return out;
}

std::string report_json(const Report& report, const ReportView& view) {
  Json rows = Json::array();
  for (const ReportRow& row : report.rows) {
    Json one = amounts_json(row.amounts);
    one["name"] = text::printable(row.name);
    if (!row.device.empty()) one["device"] = row.device;
    rows.push_back(one);
  }
  const Json out{{"v", 1},
                 {"aggregate", report.aggregate},
                 {"by", report.by},
                 {"directions", view.scope},
                 {"from", text::utc_text(report.from)},
                 {"until", text::utc_text(report.until)},
                 {"written_until", report.written ? Json(text::utc_text(*report.written)) : Json()},
                 {"complete", report.complete()},
                 {"missing", missing_json(report)},
                 {"left_out", report.left_out},
                 {"rows", rows},
                 {"other", amounts_json(report.other)},
                 {"uncounted", amounts_json(report.uncounted)},
                 {"total", amounts_json(report.total)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string report_csv(const Report& report) {
  const bool devices = report.by == "device";
  std::string out =
      fmt::format("kind,name,down_octets,up_octets,down_packets,up_packets,connections{}\n",
                  devices ? ",device" : "");
  const auto add = [&](const char* kind, const ReportRow& row) {
    const Amounts& amounts = row.amounts;
    out += fmt::format("{},{},{},{},{},{},{}{}{}\n", kind, field_text(text::printable(row.name)),
                       amounts.down_octets, amounts.up_octets, amounts.down_packets,
                       amounts.up_packets, amounts.connections, devices ? "," : "", row.device);
  };
  for (const ReportRow& row : report.rows) add("key", row);
  if (report.other != Amounts{}) add("other", {"", "", report.other});
  if (report.uncounted != Amounts{}) add("uncounted", {"", "", report.uncounted});
  return out;
}

}  // namespace ctflow::accounting
