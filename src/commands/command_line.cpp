// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/command_line.hpp"

#include <CLI/CLI.hpp>

#include "commands/exit_status.hpp"

namespace ctflow {
namespace {

/// The settings of one subcommand, stored in `line`.
CLI::App* add_command(CLI::App& app, CommandLine& line, Command command, const char* name,
                      const char* help) {
  CLI::App* const added = app.add_subcommand(name, help);
  added->callback([&line, command] { line.command = command; });
  return added;
}

void add_config_option(CLI::App& command, CommandLine& line) {
  command.add_option("-c,--config", line.config, "Configuration file")
      ->type_name("FILE")
      ->capture_default_str();
}

void add_status_options(CLI::App& command, StatusOptions& options) {
  command.add_option("--socket", options.socket, "status.socket of the running ctflowd")
      ->type_name("PATH")
      ->capture_default_str();
  command.add_flag("--json", options.json, "Print JSON");
  command.add_flag("--watch", options.watch, "Repeat every two seconds");
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app{"Exports the connections of the Linux connection table as IPFIX or NetFlow v9."};
  app.set_version_flag("-V,--version", "ctflowd " CTFLOWD_VERSION);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(0, 1);
  add_config_option(app, line);

  auto* const run =
      add_command(app, line, Command::kRun, "run", "Export until SIGTERM or SIGINT (the default)");
  auto* const check =
      add_command(app, line, Command::kCheck, "check", "Check the configuration file and exit");
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
  for (CLI::App* const one : {run, check, doctor, replay}) add_config_option(*one, line);
  doctor->add_flag("--json", line.doctor.json, "Print JSON");
  record->add_option("FILE", line.file, "File to write")->required();
  replay->add_option("FILE", line.file, "File to read")->required();
  replay->add_option("--rate", line.rate, "Events per second, 0 = no limit");
  add_status_options(*status, line.status);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, app.exit(error) == 0 ? kSuccess : kUsageError};
  }
  line.doctor.config = line.config;
  line.doctor.config_required = app.count("--config") + doctor->count("--config") > 0;
  return {line, kSuccess};
}

}  // namespace ctflow
