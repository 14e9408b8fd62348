// SPDX-License-Identifier: GPL-2.0-or-later
// `ctflowd replay`: exports the events of a recorded file.
#pragma once

#include <cstdint>
#include <string>

namespace ctflow {

/// `rate`: events per second, 0 = no limit. Returns the exit status; throws ConfigError, or what
/// start-up throws.
int replay(const std::string& file, std::uint32_t rate, const std::string& config_file);

}  // namespace ctflow
