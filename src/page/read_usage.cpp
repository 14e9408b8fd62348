// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/read_usage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "accounting/course.hpp"
#include "accounting/report_text.hpp"
#include "text/time_text.hpp"

namespace ctflow::page {
namespace {

using accounting::Amounts;
using accounting::Calendar;
using accounting::calendar_of;
using accounting::Direction;
using accounting::Level;
using accounting::Minute;
using accounting::Report;

Use use_of(const std::string& name, const Amounts& amounts) {
  return {name, amounts.down_octets, amounts.up_octets, amounts.connections};
}

bool began_within(Report report) {
  const bool complete = report.complete();
  report.gaps.erase(
      std::remove_if(report.gaps.begin(), report.gaps.end(),
                     [](const auto& gap) { return gap.reason == "accounting_began"; }),
      report.gaps.end());
  return !complete && report.complete();
}

UseTable table_of(const Report& report, const Calendar& calendar, const char* title) {
  UseTable table;
  table.title = title;
  table.by = report.by;
  table.since = text::minute_text(calendar.local(report.from));
  if (!report.complete()) table.missing = accounting::completeness_text(report);
  table.began = began_within(report);
  table.left_out = accounting::left_out_text(report);
  table.total = use_of("", report.total);
  const std::size_t shown = std::min(kTopRows, report.rows.size());
  table.rows.reserve(shown);
  for (std::size_t i = 0; i < shown; ++i) {
    table.rows.push_back(use_of(report.rows[i].name, report.rows[i].amounts));
  }
  Amounts others;
  for (std::size_t i = shown; i < report.rows.size(); ++i) others += report.rows[i].amounts;
  const auto add_rest = [&](const std::string& name, const Amounts& amounts) {
    if (amounts != Amounts{}) table.rest.push_back(use_of(name, amounts));
  };
  add_rest(fmt::format("other ({})", report.rows.size() - shown), others);
  add_rest("other (max_keys)", report.other);
  add_rest("uncounted", report.uncounted);
  return table;
}

bool counts_by(const AccountingConfig& config, AccountingKey key) {
  return std::any_of(config.aggregates.begin(), config.aggregates.end(), [&](const auto& one) {
    return std::find(one.by.begin(), one.by.end(), key) != one.by.end();
  });
}

/// Empty: the most useful key, as of `ctflowd report`.
std::vector<std::string> keys_of(const AccountingConfig& config) {
  std::vector<std::string> keys{""};
  const bool other =
      counts_by(config, AccountingKey::kDevice) || counts_by(config, AccountingKey::kHost);
  if (other && counts_by(config, AccountingKey::kNetwork)) keys.emplace_back("network");
  return keys;
}

/// An aggregate that was added is in the database from accounting's next transaction on.
bool has_key(const Database& database, const std::string& key) {
  Statement select(database, "SELECT 1 FROM aggregate WHERE ' ' || keys || ' ' LIKE ?");
  return select.bind_copy(1, "% " + key + " %").step();
}

void add_course(const Database& database, const Report& day, const Calendar& calendar,
                UsageValues& to) {
  const auto course = accounting::course_of(database, day, calendar);
  to.course.reserve(course.size());
  for (const accounting::HourAmounts& one : course) {
    to.course.push_back({text::clock_text(calendar.local(one.hour.from)), one.amounts.down_octets,
                         one.amounts.up_octets, !accounting::has_gap(day, one.hour)});
  }
}

void read(const Database& database, const AccountingConfig& config, Minute now, UsageValues& to) {
  constexpr std::chrono::hours kCourse{23};  // and the hour that goes on
  const Calendar calendar = calendar_of(config);
  accounting::Question question;
  question.now = now;
  question.until = now + std::chrono::minutes(1);
  question.directions = {Direction::kIn, Direction::kOut};
  const Minute today = calendar.interval_of(Level::kDay, now).from;
  const Minute period = calendar.interval_of(Level::kPeriod, now).from;
  for (const std::string& by : keys_of(config)) {
    if (!by.empty() && !has_key(database, by)) continue;
    question.by = by;
    question.from = today;
    to.tables.push_back(table_of(accounting::ask(database, question), calendar, "Today"));
    question.from = period;
    to.tables.push_back(table_of(accounting::ask(database, question), calendar, "This period"));
  }
  question.by = "";
  question.from = calendar.interval_of(Level::kHour, now).from - kCourse;
  add_course(database, accounting::ask(database, question), calendar, to);
}

}  // namespace

UsageValues read_usage(const AccountingConfig& config, const std::string& network_namespace,
                       std::chrono::system_clock::time_point now) {
  UsageValues values;
  values.network_namespace = network_namespace;
  const std::string file =
      config.database + (network_namespace.empty() ? "" : "." + network_namespace);
  const Minute minute = std::chrono::floor<std::chrono::minutes>(now);
  try {
    values.read_at = text::clock_text(calendar_of(config).local(minute));
    values.written = std::filesystem::exists(file);
    if (values.written) {
      Database database = accounting::open_for_reading(file);
      database.execute("BEGIN");  // all answers are of one moment, whatever is written meanwhile
      read(database, config, minute, values);
    }
  } catch (const std::exception& error) {
    values.error = error.what();
  }
  return values;
}

}  // namespace ctflow::page
