// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of `enrich:`.
#pragma once

#include "config/schema.hpp"
#include "ctflow/config.hpp"

namespace ctflow::config {

Section<EnrichConfig> enrich_settings();

/// What an output asks for has a file, and a program that can read it.
std::optional<Complaint> check_enrich(const Config& config);

}  // namespace ctflow::config
