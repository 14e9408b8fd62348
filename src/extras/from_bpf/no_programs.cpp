// SPDX-License-Identifier: GPL-2.0-or-later
// A build without eBPF (CTFLOWD_BPF=OFF).
#include "extras/from_bpf/make_programs.hpp"

namespace ctflow {

std::unique_ptr<MeasuringPrograms> make_measuring_programs(const MeasuringSizes& /*sizes*/) {
  return nullptr;
}

}  // namespace ctflow
