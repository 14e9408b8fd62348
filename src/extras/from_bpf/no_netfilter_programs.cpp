// SPDX-License-Identifier: GPL-2.0-or-later
// A build without eBPF (CTFLOWD_BPF=OFF).
#include "extras/from_bpf/netfilter_programs.hpp"

namespace ctflow {

std::unique_ptr<MeasuredEntries> attach_netfilter_programs(std::string& obstacle,
                                                           const std::string&) {
  obstacle = "this ctflowd was built without eBPF";
  return nullptr;
}

}  // namespace ctflow
