// SPDX-License-Identifier: GPL-2.0-or-later
// What forwards packets past the kernel's packet path: network hardware, by flowtables with
// `offload`, and accelerators that are not part of Linux. Neither its counters nor programs see
// such packets, unless whatever forwards them says how many they were.
#pragma once

#include <string>
#include <vector>

#include "ctflow/extras_source.hpp"
#include "doctor/ruleset_check.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Of the flowtables those that hand connections to hardware. Without `counter` they are findings
/// of check_ruleset() anyway.
Findings check_offload(const std::vector<Flowtable>& flowtables, const Capabilities& measured);

/// Accelerators by the names of loaded modules. `modules`: the file of the kernel that lists them.
Findings check_accelerators(const Capabilities& measured,
                            const std::string& modules = "/proc/modules");

/// What forwards packets that are not in the Flow Records.
struct UncountedForwarder {
  std::string finding;  ///< name of the finding that says so
  std::string name;

  friend bool operator==(const UncountedForwarder&, const UncountedForwarder&) = default;
};
std::vector<UncountedForwarder> uncounted_forwarders(const std::vector<Flowtable>& flowtables,
                                                     const Capabilities& measured,
                                                     const std::string& modules = "/proc/modules");

}  // namespace ctflow
