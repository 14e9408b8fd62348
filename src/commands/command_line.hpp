// SPDX-License-Identifier: GPL-2.0-or-later
// The command line as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "commands/nat_lookup.hpp"
#include "commands/report.hpp"
#include "commands/status.hpp"
#include "commands/top.hpp"
#include "ctflow/default_paths.hpp"
#include "doctor/doctor.hpp"
#include "log/line_format.hpp"

namespace ctflow {

enum class Command : std::uint8_t {
  kRun,
  kCheck,
  kDoctor,
  kRecord,
  kReplay,
  kStatus,
  kNatLookup,
  kNatLogForget,
  kReport,
  kTop,
  kAccountingExport,
  kAccountingPrune,
  kAccountingCheck
};

struct CommandLine {
  Command command = Command::kRun;
  std::string config = kConfigFile;
  std::string file{};  ///< of record and replay
  log::LineFormat log_format = log::LineFormat::kText;
  bool show = false;         ///< of check: print the configuration that is used
  bool json_schema = false;  ///< of check: print that of the configuration instead
  std::uint32_t rate = 0;    ///< of replay: events per second, 0 = no limit
  DoctorOptions doctor{};
  StatusOptions status{};
  NatLookupOptions nat{};
  ReportOptions report{};
  TopOptions top{};
};

/// What parsing led to: a command line, or, after --help, --version or an error whose message has
/// been printed, an exit status.
struct ParsedCommandLine {
  std::optional<CommandLine> value{};
  int exit_status = 0;
};

ParsedCommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace ctflow
