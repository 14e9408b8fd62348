// SPDX-License-Identifier: GPL-2.0-or-later
// The services that accounting knows without settings.
#pragma once

#include <vector>

#include "ctflow/accounting_config.hpp"

namespace ctflow::accounting {

/// Those without `accounting.services` and `services_file`; docs/accounting.md lists them.
const std::vector<NamedService>& usual_services();

}  // namespace ctflow::accounting
