// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/doctor.hpp"

#include <sstream>

#include "commands/screen.hpp"
#include "findings/finding_text.hpp"
#include "log/log.hpp"

namespace ctflow {

int run_doctor(const DoctorOptions& options, std::ostream& out) {
  log::configure(LogLevel::kWarning);  // what it reads is in its own output
  const Diagnosis diagnosis = examine(options);
  const std::optional<TerminalSize> terminal = size_of_terminal();
  if (options.json || !terminal) {
    print(diagnosis, options.json, out);
  } else {
    std::ostringstream text;
    print(diagnosis, options.json, text);
    out << findings_for_terminal(text.str(), terminal->columns);
  }
  return exit_status(diagnosis);
}

}  // namespace ctflow
