// SPDX-License-Identifier: GPL-2.0-or-later
// The configuration language. config/ctflowd.yaml documents it, and a test holds the two together.
#pragma once

#include "config/schema.hpp"
#include "ctflow/config.hpp"

namespace ctflow::config {

/// Every setting there is. Defaults are those of the members (include/ctflow/config.hpp).
Section<Config> settings();

/// The configuration as a file: every setting that has a value, defaults included. parse_config()
/// makes the same configuration of it.
std::string show(const Config& config);

/// The JSON Schema of a file (draft 2020-12).
std::string json_schema();

/// The top-level settings that are read at the start only: those of SealedConfig. Manual pages and
/// docs/operations.md list them, and a test compares.
std::vector<std::string> sealed_settings();

/// What contradicts itself in a configuration that no file had as a whole, as a reload makes it of
/// the sealed settings in use and of the others in the file: `SETTING: …`. Empty: nothing.
std::string contradiction(const Config& config);

/// The paths of the settings below these in which the two differ.
std::vector<std::string> needing_restart(const Config& now, const Config& next);

}  // namespace ctflow::config
