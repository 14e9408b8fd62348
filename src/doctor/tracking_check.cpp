// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/tracking_check.hpp"

#include "doctor/counter_resets_check.hpp"
#include "doctor/kernel_check.hpp"
#include "doctor/offload_check.hpp"
#include "doctor/ruleset_check.hpp"
#include "doctor/table_check.hpp"

namespace ctflow {

Findings check_tracking(const SourceConfig& config, const Capabilities& measured,
                        const std::string& directory) {
  Findings found;
  found.add({check_kernel(measured, directory), {}, {}});
  found.add({check_table(config, measured, directory), {}, {}});
  const Ruleset ruleset = read_ruleset(directory);
  found.add(check_ruleset(ruleset));
  found.add(check_offload(ruleset.flowtables, measured));
  found.add(check_accelerators(measured));
  found.add(check_counter_resets(measured.counters));
  return found;
}

}  // namespace ctflow
