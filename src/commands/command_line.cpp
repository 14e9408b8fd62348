// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/command_line.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <string_view>

#include "commands/exit_status.hpp"
#include "commands/help_text.hpp"
#include "version/version.hpp"

namespace ctflow {
namespace {

constexpr unsigned kLongestInterval = 3600;

/// The settings of one subcommand, stored in `line`.
CLI::App* add_command(CLI::App& app, CommandLine& line, Command command, const char* name,
                      const char* help) {
  CLI::App* const added = app.add_subcommand(name, help);
  added->callback([&line, command] { line.command = command; });
  return added;
}

CLI::Option* add_config_option(CLI::App& command, CommandLine& line) {
  return command.add_option("-c,--config", line.config, "Configuration file")
      ->type_name("FILE")
      ->capture_default_str();
}

/// The option that may stand before the command instead.
CLI::Option* config_before(CLI::App& command) {
  CLI::App* app = &command;
  while (app->get_parent() != nullptr) app = app->get_parent();
  return app->get_option("--config");
}

CLI::Option* add_config_of_command(CLI::App& command, CommandLine& line) {
  return add_config_option(command, line)->excludes(config_before(command));
}

/// The configuration, named without -c as well.
void add_config_argument(CLI::App& command, CommandLine& line) {
  auto* const option = add_config_of_command(command, line);
  command.add_option("FILE", line.config, "The same")
      ->type_name("")
      ->excludes(option)
      ->excludes(config_before(command));
}

void add_log_format(CLI::App& command, CommandLine& line) {
  const auto take = [&line](const std::string& text) {
    const std::map<std::string_view, log::LineFormat> formats{
        {"text", log::LineFormat::kText},
        {"json", log::LineFormat::kJson},
        {"journal", log::LineFormat::kJournal}};
    const auto found = formats.find(text);
    if (found == formats.end()) {
      throw CLI::ValidationError("--log-format", "expected text, json or journal, got " + text);
    }
    line.log_format = found->second;
  };
  command
      .add_option_function<std::string>(
          "--log-format", take,
          "text or json on stderr, or journal: with fields, to systemd's journal")
      ->type_name("FORMAT");
}

void add_check(CLI::App& app, CommandLine& line) {
  auto* const check =
      add_command(app, line, Command::kCheck, "check", "Check the configuration file and exit");
  add_config_argument(*check, line);
  auto* const show = check->add_flag("--show", line.show,
                                     "Print the configuration that is used, with all defaults");
  check
      ->add_flag("--json-schema", line.json_schema,
                 "Print the JSON Schema of configuration files instead")
      ->excludes(show);
}

/// What --version prints.
struct VersionOptions {
  bool asked = false;
  bool json = false;
};

void add_version(CLI::App& app, VersionOptions& options) {
  auto* const flag = app.add_flag("-V,--version", options.asked,
                                  "Print the version, what is built in and of which libraries");
  app.add_flag("--json", options.json, "With --version: print JSON")->needs(flag);
}

void add_status_options(CLI::App& command, StatusOptions& options) {
  command.add_option("--socket", options.socket, "status.socket of the running ctflowd")
      ->type_name("PATH")
      ->capture_default_str();
  command.add_flag("--json", options.json, "Print JSON");
  auto* const watch = command.add_flag("--watch", options.watch, "Repeat until stopped");
  command
      .add_option("--interval", options.interval_seconds, "With --watch: pause between two looks")
      ->type_name("SECONDS")
      ->check(CLI::Range(1U, kLongestInterval))
      ->needs(watch)
      ->capture_default_str();
}

void add_place_options(CLI::App& command, CommandLine& line) {
  add_config_of_command(command, line);
  command
      .add_option("--directory", line.nat.directory,
                  "nat_log.directory, instead of that of the configuration file")
      ->type_name("DIRECTORY");
  command
      .add_option("--namespace", line.nat.network_namespace, "Network namespace of `namespaces`")
      ->type_name("NAME");
}

void add_nat_lookup(CLI::App& app, CommandLine& line) {
  auto* const look_up = add_command(app, line, Command::kNatLookup, "nat-lookup",
                                    "Say who used a public address and port (exit 0 one inside "
                                    "host, 1 none, 3 several, 2 the log "
                                    "cannot say)");
  NatLookupOptions& options = line.nat;
  look_up->add_option("ADDRESS", options.who, "Public address and port; ICMP: identifier")
      ->type_name("ADDRESS:PORT");
  look_up->add_option("--at", options.at, "When, with its offset from UTC (RFC 3339)")
      ->type_name("TIME");
  look_up->add_option("--protocol", options.protocol, "tcp, udp, …, or a number; all if left out")
      ->type_name("PROTOCOL");
  look_up->add_option("--remote", options.remote, "Whom it was used with, where that is logged")
      ->type_name("ADDRESS[:PORT]");
  look_up->add_option("--zone", options.zone, "Of this conntrack zone only")->type_name("ZONE");
  look_up->add_option("--tolerance", options.tolerance, "How far clocks may be apart")
      ->capture_default_str();
  look_up->add_option("--format", options.format, "table, json or csv")->capture_default_str();
  look_up->add_option("--subject", options.subject, "Print all rows of an inside address instead")
      ->type_name("ADDRESS");
  add_place_options(*look_up, line);
}

void add_nat_log(CLI::App& app, CommandLine& line) {
  auto* const nat_log = app.add_subcommand("nat-log", "Change the NAT log");
  nat_log->require_subcommand(1);
  auto* const forget =
      add_command(*nat_log, line, Command::kNatLogForget, "forget",
                  "Remove an inside or remote address from all rows of the NAT log");
  forget->add_option("ADDRESS", line.nat.who, "Address to remove")->required();
  add_place_options(*forget, line);
}

void add_database_options(CLI::App& command, CommandLine& line) {
  add_config_of_command(command, line);
  command
      .add_option("--database", line.report.database,
                  "accounting.database, instead of that of the configuration file")
      ->type_name("FILE");
  command
      .add_option("--namespace", line.report.network_namespace, "Network namespace of `namespaces`")
      ->type_name("NAME");
}

void add_report(CLI::App& app, CommandLine& line) {
  auto* const report = add_command(app, line, Command::kReport, "report",
                                   "Say who used how much (exit 0 complete, 1 something is "
                                   "missing, 2 no answer)");
  ReportOptions& options = line.report;
  report->add_option("--since", options.since, "How far back: 90m, 24h, 30d (default 24h)")
      ->type_name("TIME");
  report->add_option("--period", options.period, "Instead: current, last, or a month: 2026-10")
      ->type_name("PERIOD");
  auto* const by = report->add_option("--by", options.by, "host, network, service, … or direction")
                       ->type_name("KEY");
  auto* const most =
      report->add_option("--top", options.top, "Rows of the table, at most; the others are one row")
          ->capture_default_str();
  report
      ->add_option("--direction", options.direction,
                   "internet (in and out), in, out, local, through, self or all")
      ->capture_default_str();
  report->add_option("--format", options.format, "table, json or csv")->capture_default_str();
  report
      ->add_flag("--over-quota", options.over_quota,
                 "Print quotas instead, of the current period if no time is given (exit 3 one is "
                 "exceeded)")
      ->excludes(by)
      ->excludes(most);
  report->add_flag("--bytes", options.bytes, "Numbers of the table without units");
  add_database_options(*report, line);
}

void add_top(CLI::App& app, CommandLine& line) {
  auto* const top = add_command(app, line, Command::kTop, "top",
                                "Show who uses how much now, by accounting of a running ctflowd "
                                "(exit 2 no answer)");
  constexpr unsigned kLongestPause = 240;  // who asks less often is not counted for
  TopOptions& options = line.top;
  top->add_option("--socket", options.socket, "status.socket of the running ctflowd")
      ->type_name("PATH")
      ->capture_default_str();
  top->add_option("--by", options.by, "device, host, network, service, … or direction")
      ->type_name("KEY");
  top->add_option("--interval", options.interval_seconds, "Pause between two looks")
      ->type_name("SECONDS")
      ->check(CLI::Range(1U, kLongestPause))
      ->capture_default_str();
  top->add_option("--top", options.top, "Rows, at most; the others are one row")
      ->capture_default_str();
  top->add_option("--direction", options.direction,
                  "internet (in and out), in, out, local, through, self or all")
      ->capture_default_str();
  top->add_option("--namespace", options.network_namespace, "Network namespace of `namespaces`")
      ->type_name("NAME");
  top->add_flag("--once", options.once, "End after one interval");
}

void add_accounting(CLI::App& app, CommandLine& line) {
  auto* const accounting = app.add_subcommand("accounting", "Look after what accounting counted");
  accounting->require_subcommand(1);
  auto* const print = add_command(*accounting, line, Command::kAccountingExport, "export",
                                  "Print the rows of a level as CSV");
  print->add_option("--level", line.report.level, "minute, hour, day or period")
      ->capture_default_str();
  auto* const prune = add_command(*accounting, line, Command::kAccountingPrune, "prune",
                                  "Remove what is older than the retention");
  auto* const check =
      add_command(*accounting, line, Command::kAccountingCheck, "check",
                  "Check the database (exit 0 the sums of its levels agree, 1 they do not)");
  for (CLI::App* const one : {print, prune, check}) add_database_options(*one, line);
}

/// An empty value, as of a variable that a script has not set, is none: it must not mean what
/// leaving out the option means.
void refuse_empty_values(CLI::App& app) {
  const CLI::Validator has_value(
      [](const std::string& text) {
        return text.empty() ? std::string("expected a value, got none") : std::string();
      },
      "");
  for (CLI::Option* const option : app.get_options()) {
    if (option->get_items_expected_max() > 0) option->check(has_value);
  }
  for (CLI::App* const command : app.get_subcommands(nullptr)) refuse_empty_values(*command);
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app{
      "Exports the connections of the Linux connection table as IPFIX or NetFlow, and keeps logs "
      "and accounts of them."};
  app.formatter(std::make_shared<HelpText>());  // commands that are added have it from there
  VersionOptions wants_version;
  add_version(app, wants_version);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(0, 1);
  add_config_option(app, line);
  add_log_format(app, line);

  auto* const run =
      add_command(app, line, Command::kRun, "run", "Export until SIGTERM or SIGINT (the default)");
  add_check(app, line);
  auto* const doctor = add_command(
      app, line, Command::kDoctor, "doctor",
      "Check this host for settings that make exported data wrong or incomplete (exit 0 ok, 1 "
      "problems, 2 some checks not possible)");
  auto* const record = add_command(app, line, Command::kRecord, "record",
                                   "Write the kernel's events to a file until SIGTERM or SIGINT");
  auto* const replay =
      add_command(app, line, Command::kReplay, "replay", "Export the events of a recorded file");
  auto* const status =
      add_command(app, line, Command::kStatus, "status",
                  "Show the status of a running ctflowd (exit 0 ok, 1 problems, 2 no answer)");
  for (CLI::App* const one : {run, doctor}) add_config_argument(*one, line);
  add_config_of_command(*replay, line);
  for (CLI::App* const one : {run, record, replay}) add_log_format(*one, line);
  doctor->add_flag("--json", line.doctor.json, "Print JSON");
  record->add_option("FILE", line.file, "File to write")->required();
  replay->add_option("FILE", line.file, "File to read")->required();
  replay->add_option("--rate", line.rate, "Events per second, 0 = no limit");
  add_status_options(*status, line.status);
  add_nat_lookup(app, line);
  add_nat_log(app, line);
  add_report(app, line);
  add_top(app, line);
  add_accounting(app, line);
  refuse_empty_values(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, app.exit(error) == 0 ? kSuccess : kUsageError};
  }
  if (wants_version.asked) {
    std::cout << (wants_version.json ? version_json() : version_text()) << '\n';
    return {std::nullopt, kSuccess};
  }
  line.doctor.config = line.config;
  line.doctor.config_required =
      app.count("--config") + doctor->count("--config") + doctor->count("FILE") > 0;
  return {line, kSuccess};
}

}  // namespace ctflow
