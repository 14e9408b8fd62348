// SPDX-License-Identifier: GPL-2.0-or-later
// From root to the user of the configuration, before anything is opened.
#pragma once

#include <string>

#include "ctflow/config.hpp"

namespace ctflow {

/// Gives up root for the user that the configuration names, if it does. Before that the user gets
/// the directory in /run, and what runs as root left of the spools and the state. `file`: of the
/// configuration.
void become_user(const Config& config, const std::string& file);

}  // namespace ctflow
