// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the interfaces that filters of outputs name are there.
#pragma once

#include <functional>
#include <string>

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// In the network namespace of this thread.
bool interface_exists(const std::string& name);

Findings check_filter_interfaces(
    const Config& config, const std::function<bool(const std::string&)>& exists = interface_exists);

}  // namespace ctflow
