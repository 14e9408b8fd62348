// SPDX-License-Identifier: GPL-2.0-or-later
// From the command line to the command.
#include <sys/types.h>

#include <ctime>
#include <iostream>

#include "commands/check.hpp"
#include "commands/command_line.hpp"
#include "commands/doctor.hpp"
#include "commands/exit_status.hpp"
#include "commands/nat_lookup.hpp"
#include "commands/record.hpp"
#include "commands/replay.hpp"
#include "commands/report.hpp"
#include "commands/run.hpp"
#include "commands/status.hpp"
#include "ctflow/config_error.hpp"
#include "ctflow/log_level.hpp"
#include "log/line_format.hpp"
#include "log/log.hpp"
#include "process/environment.hpp"
#include "process/standard_output.hpp"

namespace {

using namespace ctflow;

// Files over 2 GiB, and times after 2038, where a long has 32 bits, too.
static_assert(sizeof(off_t) == 8 && sizeof(std::time_t) == 8);

int dispatch(const CommandLine& line) {
  switch (line.command) {
    case Command::kRun:
      return run(line.config);
    case Command::kCheck:
      return line.json_schema ? print_schema(std::cout) : check(line.config, line.show, std::cout);
    case Command::kDoctor:
      return run_doctor(line.doctor, std::cout);
    case Command::kRecord:
      return record_events(line.file);
    case Command::kReplay:
      return replay(line.file, line.rate, line.config);
    case Command::kStatus:
      return run_status(line.status, std::cout, std::cerr);
    case Command::kNatLookup:
      return run_nat_lookup(line.nat, line.config, std::cout, std::cerr);
    case Command::kNatLogForget:
      return run_nat_log_forget(line.nat, line.config, std::cout, std::cerr);
    case Command::kReport:
      return run_report(line.report, line.config, std::cout, std::cerr);
    case Command::kTop:
      return run_top(line.top, std::cout, std::cerr);
    case Command::kAccountingExport:
      return run_accounting_export(line.report, line.config, std::cout, std::cerr);
    case Command::kAccountingPrune:
      return run_accounting_prune(line.report, line.config, std::cout, std::cerr);
    case Command::kAccountingCheck:
      return run_accounting_check(line.report, line.config, std::cout, std::cerr);
  }
  return kUsageError;
}

int execute(int argc, char** argv) {
  try {
    const ParsedCommandLine parsed = parse_command_line(argc, argv);
    if (!parsed.value) return parsed.exit_status;
    log::use(parsed.value->log_format);
    return dispatch(*parsed.value);
  } catch (const ConfigError& error) {
    std::cerr << error.what() << '\n';
    return kUsageError;
  } catch (const std::exception& error) {
    log::error("failed error={}", log::quoted(error.what()));
    return kRuntimeFailure;
  }
}

}  // namespace

int main(int argc, char** argv) {
  prepare_environment();
  log::configure(LogLevel::kInfo);
  const int status = execute(argc, argv);
  if (!output_lost()) return status;
  std::cerr
      << "standard output cannot be written, what is there is not complete: is the disk full?\n";
  return kUsageError;
}
