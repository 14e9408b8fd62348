// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/message_plan.hpp"

#include "export/profile.hpp"

namespace ctflow {

OptionsKinds configured_options(const CollectorConfig& config) {
  return {config.sampling_options && row_of(config.profile).counts, config.statistics_options,
          config.interface_names};
}

MessagePlan plan_for_datagrams(const CollectorConfig& config) {
  if (config.protocol == Protocol::kNetflow5) return {};  // it has neither templates nor options
  const OptionsKinds all = configured_options(config);
  const bool repeats = row_of(config.profile).repeats_options(config.protocol);
  return {true, all, repeats ? all : OptionsKinds{}};
}

MessagePlan plan_for_sessions(const CollectorConfig& config) {
  const OptionsKinds all = configured_options(config);
  const bool repeats = row_of(config.profile).repeats_options(config.protocol);
  return {false,
          {false, all.statistics, all.interface_names},
          {false, all.statistics && repeats, false}};
}

}  // namespace ctflow
