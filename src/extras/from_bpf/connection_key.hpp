// SPDX-License-Identifier: GPL-2.0-or-later
// Under which key a connection is measured.
#pragma once

#include "ctflow/flow.hpp"
#include "netfilter_maps.h"

namespace ctflow {

/// From the original direction, as ctnetlink describes it.
ctflow_nf_key connection_key(const Flow& flow);

}  // namespace ctflow
