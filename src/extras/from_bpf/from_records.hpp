// SPDX-License-Identifier: GPL-2.0-or-later
// Extras that come with the records of eBPF programs.
#pragma once

#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"

namespace ctflow {

/// Decoding has read them already. Entries of a table dump have none.
class FromRecords final : public ExtrasSource {
 public:
  explicit FromRecords(const SourceConfig& config)
      : capabilities_{MeasurementOrigin::kFentry,        true, config.wire_counters, true, true,
                      config.active_timeout.count() > 0, true} {}

  [[nodiscard]] const Capabilities& capabilities() const override { return capabilities_; }
  const Capabilities& refresh() override { return capabilities_; }

  void add(Flow& flow) override {
    if (capabilities_.counters) return;
    flow.extras.original.has_wire = false;
    flow.extras.reply.has_wire = false;
  }

 private:
  Capabilities capabilities_;
};

}  // namespace ctflow
