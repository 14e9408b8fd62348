// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/report.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "accounting/check_levels.hpp"
#include "accounting/export_rows.hpp"
#include "accounting/prune.hpp"
#include "accounting/quota.hpp"
#include "accounting/report.hpp"
#include "accounting/report_text.hpp"
#include "commands/answered.hpp"
#include "commands/scope_text.hpp"
#include "config/formats.hpp"
#include "ctflow/config.hpp"
#include "text/people_text.hpp"

namespace ctflow {
namespace {

using accounting::Calendar;
using accounting::Direction;
using accounting::Interval;
using accounting::Level;
using accounting::Minute;

constexpr int kNoAnswer = 2;

class BadOption : public std::runtime_error {
 public:
  BadOption(const std::string& option, const std::string& expected, const std::string& given)
      : std::runtime_error(fmt::format("{}: expected {}, got {}", option, expected, given)) {}
};

/// The settings and the database that the options name.
struct Opened {
  AccountingConfig config;
  std::string database;

  [[nodiscard]] Calendar calendar() const { return accounting::calendar_of(config); }
};

Opened opened(const ReportOptions& options, const std::string& config_file) {
  Opened result;
  const char* fix = "ctflowd makes it when it runs with accounting";
  std::error_code error;
  // One that cannot be looked for is not taken for none: other periods would be another answer.
  if (options.database.empty() || std::filesystem::exists(config_file, error) || error) {
    Config config = load_config(config_file);
    result.config = std::move(config.accounting);
    if (!config.namespaces.empty() && options.network_namespace.empty()) {
      fix = "each of `namespaces` has its own: give --namespace";
    }
  }
  if (options.database.empty() && !result.config.enabled()) {
    throw std::runtime_error(config_file +
                             ": accounting is off: set accounting.aggregates, or give --database");
  }
  result.database = options.database.empty() ? result.config.database : options.database;
  if (!options.network_namespace.empty()) result.database += "." + options.network_namespace;
  error.clear();
  const bool is_there = std::filesystem::exists(result.database, error);
  if (error) {
    throw std::runtime_error(fmt::format("{}: {}: run as root, or as a user who may read there",
                                         result.database, error.message()));
  }
  if (!is_there) {
    throw std::runtime_error(fmt::format(
        "{}: expected a database of accounting, got no such file: {}", result.database, fix));
  }
  if (!std::filesystem::is_regular_file(result.database, error)) {
    throw std::runtime_error(result.database +
                             ": expected a database of accounting, got no regular file");
  }
  return result;
}

Minute this_minute() {
  return std::chrono::floor<std::chrono::minutes>(std::chrono::system_clock::now());
}

/// 24h, 90m, 30d
std::optional<std::chrono::minutes> span_in(const std::string& text) {
  if (text.empty()) return std::nullopt;
  constexpr std::uint64_t kMost = 5'256'000;  // minutes of ten years
  const auto number = config::integer(1, kMost).parse(text.substr(0, text.size() - 1)).value;
  if (!number) return std::nullopt;
  const auto count = static_cast<std::int64_t>(*number);
  std::optional<std::chrono::minutes> span;
  if (text.back() == 'm') span = std::chrono::minutes(count);
  if (text.back() == 'h') span = std::chrono::hours(count);
  if (text.back() == 'd') span = std::chrono::days(count);
  if (span && span->count() > static_cast<std::int64_t>(kMost)) return std::nullopt;
  return span;
}

/// The numbers between hyphens: those of YYYY-MM or YYYY-MM-DD. Empty: it is neither.
std::vector<unsigned> date_parts(const std::string& text) {
  constexpr std::uint64_t kLastYear = 9999;
  const bool whole = text.size() == 10;  // YYYY-MM-DD
  if (text.size() != 7 && !whole) return {};
  std::vector<unsigned> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, '-');) {
    if (part.size() != (parts.empty() ? 4U : 2U)) return {};
    if (part.size() == 2 && part.front() == '0') part.erase(0, 1);
    const auto number = config::integer(1, kLastYear).parse(part).value;
    if (!number) return {};
    parts.push_back(static_cast<unsigned>(*number));
  }
  if (parts.size() != (whole ? 3U : 2U)) return {};
  return parts;
}

/// The last of a month is always in the period that begins in it; the first may be in the one
/// before.
std::optional<Interval> period_in(const std::string& text, const Calendar& calendar,
                                  const PeriodConfig& period) {
  const std::vector<unsigned> parts = date_parts(text);
  if (parts.empty() || (parts.size() == 2 && period.every.count() > 0)) return std::nullopt;
  const std::chrono::year_month month{std::chrono::year(static_cast<int>(parts[0])),
                                      std::chrono::month(parts[1])};
  if (!month.ok()) return std::nullopt;
  std::chrono::year_month_day date = month / std::chrono::last;
  if (parts.size() == 3) date = month / std::chrono::day(parts[2]);
  if (!date.ok()) return std::nullopt;
  return calendar.interval_of(Level::kPeriod, calendar.begin_of(std::chrono::sys_days(date)));
}

Interval asked_time(const ReportOptions& options, const Opened& from, Minute now) {
  const Calendar calendar = from.calendar();
  const Minute until = now + std::chrono::minutes(1);
  if (!options.period.empty()) {
    if (!options.since.empty()) throw std::runtime_error("expected --since or --period, got both");
    const Interval current = calendar.interval_of(Level::kPeriod, now);
    std::optional<Interval> period;
    if (options.period == "current") period = current;
    if (options.period == "last") {
      period = calendar.interval_of(Level::kPeriod, current.from - std::chrono::minutes(1));
    }
    if (!period) period = period_in(options.period, calendar, from.config.period);
    if (period && period->from > now) {
      throw BadOption("--period", "one that has begun", options.period);
    }
    if (!period) {
      throw BadOption("--period",
                      from.config.period.every.count() > 0
                          ? "current, last, or a day in it such as 2026-10-15"
                          : "current, last, a month such as 2026-10, or a day in it",
                      options.period);
    }
    return {period->from, std::min(period->until, until)};
  }
  const std::string since = options.since.empty() ? "24h" : options.since;
  const std::optional<std::chrono::minutes> span = span_in(since);
  if (!span) throw BadOption("--since", "a time with its unit, such as 90m, 24h or 30d", since);
  return {now - *span, until};  // all of it, and the minute that goes on
}

std::vector<Direction> directions_in(const std::string& text) {
  if (text == "internet") return {Direction::kIn, Direction::kOut};
  if (text == "all") return {};
  const auto one = accounting::parse_direction(text);
  if (!one) {
    throw BadOption("--direction", "internet, in, out, local, through, self or all", text);
  }
  return {*one};
}

accounting::ReportFormat format_in(const std::string& text) {
  if (text == "table") return accounting::ReportFormat::kTable;
  if (text == "json") return accounting::ReportFormat::kJson;
  if (text == "csv") return accounting::ReportFormat::kCsv;
  throw BadOption("--format", "table, json or csv", text);
}

/// All that is read of it is of one moment, whatever is written meanwhile.
Database snapshot_of(const std::string& file) {
  Database database = accounting::open_for_reading(file);
  database.execute("BEGIN");
  return database;
}

int print_quotas(const accounting::QuotaReport& report, const Opened& from,
                 const ReportOptions& options, accounting::ReportFormat format, std::ostream& out,
                 std::ostream& errors) {
  constexpr int kOver = 3;
  const std::string scope = scope_text(options.direction);
  if (format == accounting::ReportFormat::kTable) {
    out << accounting::quota_table(report, from.calendar(),
                                   {.bytes = options.bytes, .scope = scope});
  } else if (format == accounting::ReportFormat::kJson) {
    out << accounting::quota_json(report, scope);
  } else {
    out << accounting::quota_csv(report);
    errors << accounting::unassigned_text(report);
    errors << accounting::completeness_text(report.time) << '\n';
  }
  if (report.any_over()) return kOver;
  return report.time.complete() && !report.any_may_be_over() ? 0 : 1;
}

}  // namespace

int run_report(const ReportOptions& options, const std::string& config_file, std::ostream& out,
               std::ostream& errors) {
  return answered(errors, kNoAnswer, [&] {
    const accounting::ReportFormat format = format_in(options.format);
    accounting::Question question;
    question.directions = directions_in(options.direction);
    const Opened from = opened(options, config_file);
    question.now = this_minute();
    question.by = options.by;
    ReportOptions times = options;
    if (options.over_quota && times.since.empty() && times.period.empty()) times.period = "current";
    const Interval time = asked_time(times, from, question.now);
    question.from = time.from;
    question.until = time.until;
    const Database database = snapshot_of(from.database);
    if (options.over_quota) {
      return print_quotas(accounting::ask_quotas(database, from.config, question), from, options,
                          format, out, errors);
    }
    const accounting::Report report = accounting::ask(database, question);
    accounting::ReportView view;
    view.top = options.top;
    view.bytes = options.bytes;
    view.scope = scope_text(options.direction);
    if (format == accounting::ReportFormat::kTable) {
      out << accounting::report_table(report, from.calendar(), view);
    } else if (format == accounting::ReportFormat::kJson) {
      out << accounting::report_json(report, view);
    } else {
      out << accounting::report_csv(report);
      errors << accounting::completeness_text(report) << '\n';
      if (!report.left_out.empty()) errors << accounting::left_out_text(report) << '\n';
    }
    return report.complete() ? 0 : 1;
  });
}

int run_accounting_export(const ReportOptions& options, const std::string& config_file,
                          std::ostream& out, std::ostream& errors) {
  return answered(errors, kNoAnswer, [&] {
    const std::string expected = "minute, hour, day or period";
    const auto& names = accounting::level_views();
    const auto view = names.find(options.level);
    if (view == names.end()) throw BadOption("--level", expected, options.level);
    const Opened from = opened(options, config_file);
    accounting::export_rows(snapshot_of(from.database), view->second, out);
    return 0;
  });
}

int run_accounting_prune(const ReportOptions& options, const std::string& config_file,
                         std::ostream& out, std::ostream& errors) {
  return answered(errors, kNoAnswer, [&] {
    const Opened from = opened(options, config_file);
    if (!from.config.enabled()) {
      throw std::runtime_error(
          config_file + ": expected accounting, whose retention says what is removed, got none");
    }
    // No tables come to the file of another program.
    static_cast<void>(accounting::open_for_reading(from.database));
    Database database = accounting::open_for_writing(from.database);
    database.execute("BEGIN IMMEDIATE");
    const auto removed =
        accounting::prune_rows(database, from.config.retention, std::chrono::system_clock::now(),
                               accounting::UnusedKeys::kKeep);
    database.execute("COMMIT");
    out << "removed " << text::count_text(static_cast<std::uint64_t>(removed.rows), "row", "rows")
        << '\n';
    return 0;
  });
}

int run_accounting_check(const ReportOptions& options, const std::string& config_file,
                         std::ostream& out, std::ostream& errors) {
  return answered(errors, kNoAnswer, [&] {
    const Opened from = opened(options, config_file);
    const auto wrong = accounting::check_database(snapshot_of(from.database));
    for (const std::string& one : wrong) errors << one << '\n';
    if (wrong.empty()) out << "the sums of all levels agree\n";
    return wrong.empty() ? 0 : 1;
  });
}

}  // namespace ctflow
