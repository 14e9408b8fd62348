// SPDX-License-Identifier: GPL-2.0-or-later
// Extras that come with the records of eBPF programs.
#pragma once

#include <functional>
#include <utility>

#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"

namespace ctflow {

/// Decoding has read them already. Entries of a table dump have none.
class FromRecords final : public ExtrasSource {
 public:
  /// `sees_flowtables`: whether their packets are measured; may change at any time.
  FromRecords(const SourceConfig& config, std::function<bool()> sees_flowtables)
      : sees_flowtables_(std::move(sees_flowtables)),
        capabilities_{.origin = MeasurementOrigin::kFentry,
                      .times = true,
                      .counters = config.wire_counters,
                      .interfaces = true,
                      .flags = true,
                      .reports = config.active_timeout.count() > 0,
                      .ends = true,
                      .flowtables = sees_flowtables_()} {}

  [[nodiscard]] const Capabilities& capabilities() const override { return capabilities_; }
  const Capabilities& refresh() override {
    capabilities_.flowtables = sees_flowtables_();
    return capabilities_;
  }

  void add(Flow& flow) override {
    if (capabilities_.counters) return;
    flow.extras.original.has_wire = false;
    flow.extras.reply.has_wire = false;
  }

 private:
  std::function<bool()> sees_flowtables_;
  Capabilities capabilities_;
};

}  // namespace ctflow
