// SPDX-License-Identifier: GPL-2.0-or-later
// What of a status is wrong, in the order of what it costs.
#pragma once

#include <string>
#include <vector>

#include "observe/status.hpp"

namespace ctflow {

/// A loss or refusal that is older belongs to the past: it is told, but nothing is wrong now.
inline constexpr std::chrono::minutes kRecently{5};

enum class CollectorState : std::uint8_t { kOk, kUnresolved, kUnreachable, kRefused, kLossy };

CollectorState state_of(const CollectorStatus& collector);
/// ok, unresolved, unreachable, refused or lossy.
const char* name_of(CollectorState state);

struct Problem {
  std::string name;     ///< stable
  std::string subject;  ///< the collector or namespace; may be empty
  std::string means;
  std::string mend;
};

std::vector<Problem> find_problems(const Status& status);

}  // namespace ctflow
