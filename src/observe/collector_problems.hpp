// SPDX-License-Identifier: GPL-2.0-or-later
// What is wrong with the way to a collector, or to another output, and why.
#pragma once

#include <vector>

#include "ctflow/status.hpp"
#include "observe/problem.hpp"

namespace ctflow {

enum class CollectorState : std::uint8_t { kOk, kUnresolved, kUnreachable, kRefused, kLossy };

/// A refusal of TCP is over as soon as there is a connection; after one of UDP it cannot be known.
CollectorState state_of(const OutputStatus& output);
/// ok, unresolved, unreachable, refused or lossy.
const char* name_of(CollectorState state);
/// none, unresolved, refused, no_answer, handshake, unreachable, broken or file.
const char* name_of(FailureKind kind);

void find_collector_problems(const OutputStatus& output, std::vector<Problem>& found);

}  // namespace ctflow
