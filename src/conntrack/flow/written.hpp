// SPDX-License-Identifier: GPL-2.0-or-later
// When the kernel wrote what was read.
#pragma once

#include "ctflow/clock.hpp"

namespace ctflow {

/// Not before `earliest`, not after `latest`. Packets that came later are not in the counters of
/// what was written.
struct Written {
  Instant earliest;
  Instant latest;
};

}  // namespace ctflow
