// SPDX-License-Identifier: GPL-2.0-or-later
// Extras of a kernel with the series of kernel-patches/.
#pragma once

#include <functional>
#include <string>

#include "ctflow/extras_source.hpp"

namespace ctflow {

/// What such a kernel measures by the settings in `directory` (net.netfilter.nf_conntrack_flow and
/// nf_conntrack_flow_active_timeout). Origin kNone: it is not patched.
Capabilities read_patch_capabilities(const std::string& directory);

/// The extras are in the message itself (CTA_FLOW), so that decoding has read them already.
class FromPatch final : public ExtrasSource {
 public:
  using Read = std::function<Capabilities()>;

  /// `wire_counters`: use the counters of the wire (source.wire_counters).
  FromPatch(bool wire_counters, Read read);

  [[nodiscard]] const Capabilities& capabilities() const override { return capabilities_; }
  const Capabilities& refresh() override;

  void add(Flow& flow) override {
    if (wire_counters_) return;
    flow.extras.original.has_wire = false;
    flow.extras.reply.has_wire = false;
  }

 private:
  bool wire_counters_;
  Read read_;
  Capabilities capabilities_;
};

}  // namespace ctflow
