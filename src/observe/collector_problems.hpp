// SPDX-License-Identifier: GPL-2.0-or-later
// The problems of one collector or other output, by its status.
#pragma once

#include <vector>

#include "ctflow/status.hpp"
#include "findings/finding.hpp"

namespace ctflow {

enum class CollectorState : std::uint8_t { kOk, kUnresolved, kUnreachable, kRefused, kLossy };

/// A TCP refusal ends with the next connection; a UDP refusal counts for kRecently.
CollectorState state_of(const OutputStatus& output);
/// ok, unresolved, unreachable, refused or lossy.
const char* name_of(CollectorState state);
/// none, unresolved, refused, no_answer, handshake, unreachable, broken, file, disk_full,
/// read_only, no_access, damaged or in_use.
const char* name_of(FailureKind kind);

/// `collector`: output.details.
void find_output_problems(const OutputStatus& output, const CollectorStatus& collector,
                          std::vector<Finding>& found);

}  // namespace ctflow
