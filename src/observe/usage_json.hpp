// SPDX-License-Identifier: GPL-2.0-or-later
// What accounting counts now, as JSON for `ctflowd top`.
#pragma once

#include <string>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/status.hpp"

namespace ctflow {

/// `at`: by a clock that is never set, so that the difference of two answers has a time.
std::string usage_json(const std::vector<NamespaceUsage>& all, MonoTime at);

}  // namespace ctflow
