// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/doctor.hpp"

#include <ostream>

#include "conntrack/kernel_check.hpp"

namespace ctflow {
namespace {

const char* describe(KernelPatch patch) {
  switch (patch) {
    case KernelPatch::kAbsent:
      return "stock kernel: end times are estimated from the timeouts, interfaces are those of the "
             "configuration, counters are conntrack's own";
    case KernelPatch::kOff:
      return "patched kernel, measuring is off";
    case KernelPatch::kOn:
      return "patched kernel: times, interfaces, TCP flags, end reasons and packets as on the wire "
             "are exact for connections that began since it was switched on";
  }
  return "";
}

}  // namespace

int run_doctor(std::ostream& out, const std::string& directory) {
  out << "kernel: " << describe(find_kernel_patch(directory)) << '\n';
  const std::vector<KernelFinding> findings = check_kernel(directory);
  for (const KernelFinding& finding : findings) {
    out << finding.event << ": " << finding.means << "\n  mend: " << finding.mend << '\n';
  }
  if (findings.empty()) out << "nothing to mend\n";
  return findings.empty() ? 0 : 1;
}

}  // namespace ctflow
