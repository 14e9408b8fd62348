// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/counter_resets_check.hpp"

#include "conntrack/assembly/counter_resets.hpp"

namespace ctflow {

Findings check_counter_resets(bool immune, const std::string& processes) {
  Findings found;
  if (immune) return found;
  if (programs_that_reset_counters(processes).count("nlbwmon") > 0) {
    found.wrong.push_back(
        {"counters_reset",
         "nlbwmon runs here and sets the kernel's counters to zero whenever it reads them: packets "
         "and octets are exported too low",
         "stop nlbwmon and take the figures from the collector, or patch the kernel "
         "(kernel-patches)"});
  } else if (hides_processes(processes)) {
    found.unchecked.emplace_back(
        "programs that set the kernel's counters to zero: the processes of other users are hidden "
        "(hidepid=, ProtectProc=); ask as root");
  }
  return found;
}

}  // namespace ctflow
