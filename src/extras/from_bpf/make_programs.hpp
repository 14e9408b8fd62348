// SPDX-License-Identifier: GPL-2.0-or-later
// The eBPF programs of this build.
#pragma once

#include <memory>

#include "extras/from_bpf/measuring.hpp"

namespace ctflow {

/// Not loaded yet. Null: this build has none (CTFLOWD_BPF=OFF).
std::unique_ptr<MeasuringPrograms> make_measuring_programs(const MeasuringSizes& sizes = {});

}  // namespace ctflow
