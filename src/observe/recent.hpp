// SPDX-License-Identifier: GPL-2.0-or-later
// How long a loss or refusal counts as a problem of now.
#pragma once

#include <chrono>

#include "ctflow/status.hpp"

namespace ctflow {

/// What is older is still shown, and no problem any more.
inline constexpr std::chrono::minutes kRecently{5};

inline bool recent(const Ago& ago) { return ago && *ago <= kRecently; }

}  // namespace ctflow
