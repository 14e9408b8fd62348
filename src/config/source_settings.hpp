// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of `source:`, how connections are read from the kernel.
#pragma once

#include "config/schema.hpp"
#include "ctflow/config.hpp"

namespace ctflow::config {

Section<SourceConfig> source_settings();

}  // namespace ctflow::config
