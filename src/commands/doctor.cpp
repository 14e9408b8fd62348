// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/doctor.hpp"

#include <sstream>

#include "commands/screen.hpp"
#include "log/log.hpp"
#include "text/columns.hpp"

namespace ctflow {

std::string diagnosis_for_terminal(const std::string& text, std::size_t columns) {
  constexpr std::string_view kFix = "  fix: ";
  constexpr std::size_t kIndent = 2;
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool fix = line.compare(0, kFix.size(), kFix) == 0;
    out += fix ? line + '\n' : text::wrapped(line, kIndent, columns);
  }
  return out;
}

int run_doctor(const DoctorOptions& options, std::ostream& out) {
  log::configure(LogLevel::kWarning);  // what it reads is in its own output
  const Diagnosis diagnosis = examine(options);
  const std::optional<TerminalSize> terminal = size_of_terminal();
  if (options.json || !terminal) {
    print(diagnosis, options.json, out);
  } else {
    std::ostringstream text;
    print(diagnosis, options.json, text);
    out << diagnosis_for_terminal(text.str(), terminal->columns);
  }
  return exit_status(diagnosis);
}

}  // namespace ctflow
