// SPDX-License-Identifier: GPL-2.0-or-later
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <utility>

#include "commands/become_user.hpp"
#include "commands/record.hpp"
#include "commands/status_command.hpp"
#include "conntrack/conntrack_source.hpp"
#include "conntrack/replay_source.hpp"
#include "daemon/daemon.hpp"
#include "daemon/totals.hpp"
#include "doctor/configuration_check.hpp"
#include "doctor/doctor.hpp"
#include "doctor/place_check.hpp"
#include "doctor/tracking_check.hpp"
#include "doctor/user_check.hpp"
#include "log/log.hpp"
#include "netlink/configured_namespaces.hpp"
#include "process/environment.hpp"
#include "process/privileges.hpp"

namespace {

using namespace ctflow;

constexpr int kRuntimeFailure = 1;
constexpr int kUsage = 2;  // command line or configuration

struct Arguments {
  std::string config = "/etc/ctflowd/ctflowd.yaml";
  std::string file;
  std::uint32_t rate = 0;
  StatusQuestion status;
  DoctorQuestion doctor;
};

/// `must_export`: it is a failure to export nothing of what was read.
int run_daemon(boost::asio::io_context& io, const Config& config, Daemon::Parts parts,
               bool must_export = false) {
  Daemon daemon(io, config, std::move(parts));
  int status = daemon.run();
  if (must_export && !log_whether_exported(daemon.status())) status = kRuntimeFailure;
  // getaddrinfo() cannot be cancelled, and the event loop would wait for it.
  if (daemon.lookup_running()) std::_Exit(status);
  return status;
}

/// load_config(), and what only this host can say of it.
Config load_for_this_host(const std::string& file) {
  Config config = load_config(file);
  const std::string twice = exported_twice(config.namespaces);
  if (!twice.empty()) throw ConfigError(file + ": " + twice);
  return config;
}

int run(const Arguments& arguments) {
  const Config config = load_for_this_host(arguments.config);
  log::configure(config.log.level);
  become_user(config, arguments.config);
  boost::asio::io_context io;
  Daemon::Parts parts;
  parts.make_source = [&io](const Config& current, const NetworkNamespace& home) {
    return std::make_unique<ConntrackSource>(io, current.source, home);
  };
  parts.check = [](const SourceConfig& source) { log_findings(check_tracking(source)); };
  parts.load = [&arguments] { return load_config(arguments.config); };
  return run_daemon(io, config, std::move(parts));
}

int replay(const Arguments& arguments) {
  Config config = load_config(arguments.config);
  log::configure(config.log.level);
  // The routes and namespaces of this host are not those of where the file was recorded.
  config.interfaces.lookup = InterfaceLookup::kConstant;
  config.namespaces.clear();
  config.status = {"", ""};  // a daemon may be running beside
  for (CollectorConfig& collector : config.collectors) collector.interface_names = false;
  boost::asio::io_context io;
  Daemon::Parts parts;
  parts.make_source = [&](const Config& current, const NetworkNamespace&) {
    return std::make_unique<ReplaySource>(io, arguments.file, arguments.rate, current.source);
  };
  return run_daemon(io, config, std::move(parts), true);
}

void add_config_option(CLI::App& command, Arguments& arguments) {
  command.add_option("-c,--config", arguments.config, "Configuration file")
      ->type_name("FILE")
      ->capture_default_str();
}

}  // namespace

int main(int argc, char** argv) {
  prepare_environment();
  log::configure(LogLevel::kInfo);
  Arguments arguments;
  std::function<int()> command = [&] { return run(arguments); };
  CLI::App app{
      "Exports finished connections of the Linux connection table as IPFIX or NetFlow v9."};
  app.set_version_flag("-V,--version", "ctflowd " CTFLOWD_VERSION);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(0, 1);
  add_config_option(app, arguments);

  auto* run_command = app.add_subcommand("run", "Export until stopped by a signal (the default)");
  auto* check_command = app.add_subcommand("check", "Check the configuration file and exit");
  auto* doctor_command = app.add_subcommand(
      "doctor",
      "Say what this machine does to the numbers: 0 well, 1 findings, 2 could not be checked");
  auto* record_command = app.add_subcommand(
      "record", "Store the kernel's events in a file, until stopped by a signal");
  auto* replay_command = app.add_subcommand("replay", "Export the events of a recorded file");
  add_config_option(*run_command, arguments);
  add_config_option(*check_command, arguments);
  add_config_option(*replay_command, arguments);
  add_config_option(*doctor_command, arguments);
  doctor_command->add_flag("--json", arguments.doctor.json, "The findings as JSON");
  record_command->add_option("FILE", arguments.file, "File to write")->required();
  replay_command->add_option("FILE", arguments.file, "File to read")->required();
  replay_command->add_option("--rate", arguments.rate, "Events per second, 0 = no limit");
  check_command->callback([&] {
    command = [&] {
      const Config config = load_for_this_host(arguments.config);
      if (!config.user.empty()) check_user(config.user);
      log_findings(check_configuration(config));
      log_findings(check_user_rights(config, arguments.config));
      log_findings(check_places(config));
      return 0;
    };
  });
  doctor_command->callback([&] {
    command = [&] {
      arguments.doctor.config = arguments.config;
      arguments.doctor.config_required =
          app.count("--config") + doctor_command->count("--config") > 0;
      log::configure(LogLevel::kWarning);  // what it reads it tells itself
      const Diagnosis diagnosis = examine(arguments.doctor);
      tell(diagnosis, arguments.doctor.json, std::cout);
      return exit_status(diagnosis);
    };
  });
  auto* status_command = app.add_subcommand(
      "status", "Ask a running ctflowd: 0 well, 1 something is wrong, 2 nobody answered");
  status_command->add_option("--socket", arguments.status.socket, "Where it listens")
      ->type_name("PATH")
      ->capture_default_str();
  status_command->add_flag("--json", arguments.status.json, "The answer as JSON");
  status_command->add_flag("--watch", arguments.status.watch, "Again every two seconds");
  status_command->callback(
      [&] { command = [&] { return run_status(arguments.status, std::cout, std::cerr); }; });
  record_command->callback([&] { command = [&] { return record_events(arguments.file); }; });
  replay_command->callback([&] { command = [&] { return replay(arguments); }; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  try {
    return command();
  } catch (const ConfigError& error) {
    std::cerr << error.what() << '\n';
    return kUsage;
  } catch (const std::exception& error) {
    log::error("failed error={}", log::quoted(error.what()));
    return kRuntimeFailure;
  }
}
