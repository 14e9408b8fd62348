// SPDX-License-Identifier: GPL-2.0-or-later
// Something that costs flows now.
#pragma once

#include <chrono>
#include <string>

#include "ctflow/status.hpp"

namespace ctflow {

/// A loss or refusal that is older belongs to the past: it is told, but nothing is wrong now.
inline constexpr std::chrono::minutes kRecently{5};

inline bool recent(const Ago& ago) { return ago && *ago <= kRecently; }

struct Problem {
  std::string name;     ///< stable
  std::string subject;  ///< the collector or namespace; may be empty
  std::string impact;
  std::string fix;
};

}  // namespace ctflow
