// SPDX-License-Identifier: GPL-2.0-or-later
// Where files are unless options or settings say otherwise.
#pragma once

namespace ctflow {

inline constexpr const char* kConfigFile = "/etc/ctflowd/ctflowd.yaml";
inline constexpr const char* kRuntimeDirectory = "/run/ctflowd";
inline constexpr const char* kStatusSocket = "/run/ctflowd/status.sock";

}  // namespace ctflow
