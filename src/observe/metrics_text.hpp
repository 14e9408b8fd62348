// SPDX-License-Identifier: GPL-2.0-or-later
// The status as metrics for Prometheus, in its text format 0.0.4.
#pragma once

#include <string>

#include "ctflow/status.hpp"

namespace ctflow {

std::string metrics_text(const Status& status);

}  // namespace ctflow
