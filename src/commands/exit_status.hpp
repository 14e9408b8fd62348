// SPDX-License-Identifier: GPL-2.0-or-later
// Exit statuses that commands share; ctflowd(8) documents them.
#pragma once

namespace ctflow {

inline constexpr int kSuccess = 0;
inline constexpr int kRuntimeFailure = 1;
inline constexpr int kUsageError = 2;  ///< command line or configuration

}  // namespace ctflow
