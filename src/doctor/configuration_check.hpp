// SPDX-License-Identifier: GPL-2.0-or-later
// What a valid configuration does to the numbers that collectors show (docs/collectors.md).
#pragma once

#include "ctflow/config.hpp"
#include "doctor/finding.hpp"

namespace ctflow {

Findings check_configuration(const Config& config);

}  // namespace ctflow
