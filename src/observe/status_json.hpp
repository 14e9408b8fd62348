// SPDX-License-Identifier: GPL-2.0-or-later
// The status as JSON, for programs and for `ctflowd status`.
#pragma once

#include <string>

#include "ctflow/status.hpp"

namespace ctflow {

/// One object and a newline. The keys are stable; docs/operations.md describes them.
std::string status_json(const Status& status);

}  // namespace ctflow
