// SPDX-License-Identifier: GPL-2.0-or-later
// What is exact and what is estimated, for the log.
#pragma once

#include <string>

#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"

namespace ctflow {

/// `key=value …` of what is measured now, and of what follows from it with these settings.
std::string capabilities_text(const Capabilities& measured, const SourceConfig& config);

}  // namespace ctflow
