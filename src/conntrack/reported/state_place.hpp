// SPDX-License-Identifier: GPL-2.0-or-later
// Where the state file is.
#pragma once

#include <string>

#include "ctflow/config.hpp"

namespace ctflow {

struct StatePlace {
  std::string file;       ///< empty: none is kept
  std::string directory;  ///< that was looked for, if no file is configured
  std::string obstacle;   ///< why none can be kept there; empty and no file: none is wanted
};

/// What the configuration says; otherwise `state` in `runtime_directory`. None is wanted where
/// connections at the start are skipped anyway; where only ends are reported, one is of little use
/// and nothing stands in the way of going without.
StatePlace find_state_place(const SourceConfig& config, const std::string& runtime_directory);

/// … in the first of RUNTIME_DIRECTORY (systemd.exec(5)), or in /run/ctflowd.
StatePlace find_state_place(const SourceConfig& config);

}  // namespace ctflow
