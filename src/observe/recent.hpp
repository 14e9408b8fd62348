// SPDX-License-Identifier: GPL-2.0-or-later
// How long a loss or refusal counts as a problem of now.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>

#include "ctflow/status.hpp"

namespace ctflow {

/// What is older is still shown, and no problem any more.
inline constexpr std::chrono::minutes kRecently{5};

inline bool recent(const Ago& ago) { return ago && *ago <= kRecently; }

/// "7 s ago".
inline std::string seconds_ago(const Ago& ago) {
  return fmt::format("{} s ago", ago ? ago->count() : 0);
}

}  // namespace ctflow
