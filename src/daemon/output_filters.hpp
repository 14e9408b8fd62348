// SPDX-License-Identifier: GPL-2.0-or-later
// Which filter belongs to which output.
#pragma once

#include <memory>
#include <vector>

#include "ctflow/config.hpp"
#include "ctflow/flow_filter.hpp"
#include "ctflow/output.hpp"

namespace ctflow {

using OutputFilters = std::vector<std::unique_ptr<FlowFilter>>;

/// Those of the first outputs of outputs_of(config), in its order: collectors and logs, which alone
/// have the setting; null where none is configured. A collector in a group has the group's.
OutputFilters make_filters(const Config& config,
                           const std::shared_ptr<const OutputContext>& context);

/// Whether a rule names interfaces by their names.
bool filters_name_interfaces(const Config& config);

/// Puts filters into use. An output that had one keeps its counts.
void give_filters(const std::vector<std::unique_ptr<Output>>& outputs, OutputFilters filters);

}  // namespace ctflow
