// SPDX-License-Identifier: GPL-2.0-or-later
// Valid configurations from which collectors read something wrong (docs/collectors.md).
#pragma once

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

Findings check_configuration(const Config& config);

}  // namespace ctflow
