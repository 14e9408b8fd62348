// SPDX-License-Identifier: GPL-2.0-or-later
// Whether a connection had an answer.
#pragma once

#include "ctflow/flow.hpp"

namespace ctflow {

/// Packets of the reply direction were seen.
inline bool answered(const Flow& flow) { return (flow.status & status::kSeenReply) != 0; }

}  // namespace ctflow
