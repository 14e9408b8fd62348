// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/tracking_check.hpp"

#include "doctor/counter_resets_check.hpp"
#include "doctor/kernel_check.hpp"
#include "doctor/ruleset_check.hpp"
#include "doctor/table_check.hpp"
#include "extras/find_extras.hpp"
#include "log/log.hpp"

namespace ctflow {

Findings check_tracking(const SourceConfig& config, const std::string& directory) {
  Findings found;
  found.add({check_kernel(directory), {}, {}});
  found.add({check_table(config, directory), {}, {}});
  found.add(check_ruleset(read_ruleset(directory)));
  found.add(check_counter_resets(find_capabilities(config, directory).counters));
  return found;
}

void log_findings(const Findings& found) {
  const auto text = [](const Finding& one) {
    return fmt::format("{} impact={} fix={}", one.event, log::quoted(one.impact),
                       log::quoted(one.fix));
  };
  for (const Finding& one : found.wrong) log::warn("{}", text(one));
  for (const Finding& one : found.notes) log::info("{}", text(one));
  for (const std::string& what : found.unchecked) log::info("unchecked what={}", log::quoted(what));
}

}  // namespace ctflow
