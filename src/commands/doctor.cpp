// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/doctor.hpp"

#include "log/log.hpp"

namespace ctflow {

int run_doctor(const DoctorOptions& options, std::ostream& out) {
  log::configure(LogLevel::kWarning);  // what it reads is in its own output
  const Diagnosis diagnosis = examine(options);
  print(diagnosis, options.json, out);
  return exit_status(diagnosis);
}

}  // namespace ctflow
