// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_patch/from_patch.hpp"

#include <utility>

#include "netlink/conntrack_settings.hpp"

namespace ctflow {

Capabilities read_patch_capabilities(const std::string& directory) {
  Capabilities found;
  const auto on = conntrack_setting(directory, "nf_conntrack_flow");
  if (!on) return found;
  found.origin = MeasurementOrigin::kKernelPatch;
  if (*on == 0) return found;
  found.times = found.counters = found.interfaces = found.flags = found.flowtables = true;
  found.reports = conntrack_setting(directory, "nf_conntrack_flow_active_timeout").value_or(0) > 0;
  return found;
}

FromPatch::FromPatch(bool wire_counters, Read read)
    : wire_counters_(wire_counters), read_(std::move(read)) {
  refresh();
}

const Capabilities& FromPatch::refresh() {
  capabilities_ = read_();
  capabilities_.counters = capabilities_.counters && wire_counters_;
  return capabilities_;
}

}  // namespace ctflow
