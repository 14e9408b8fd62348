// SPDX-License-Identifier: GPL-2.0-or-later
// Collectors that get the same records: what is for all of them is encoded once.
#pragma once

#include <vector>

#include "ctflow/flow.hpp"
#include "ctflow/flow_kinds.hpp"
#include "ctflow/output.hpp"
#include "encode/encoded_flows.hpp"
#include "export/exporter.hpp"

namespace ctflow {

/// Gathers the records of a batch and gives them to each of its collectors, which copies them into
/// messages of its own. So all else may differ: message sizes, sequence numbers, domains, when
/// templates and options are due, what a transport refuses.
class SharedRecords {
 public:
  /// At least one; all have the records of the first (Exporter::has_records_of). They must outlive
  /// this.
  explicit SharedRecords(std::vector<Exporter*> collectors);

  /// The collectors among the outputs that get the same records as another one, taken out of
  /// `outputs`.
  static std::vector<SharedRecords> take_from(std::vector<Output*>& outputs);

  [[nodiscard]] FlowKinds wants() const { return collectors_.front()->wants(); }

  /// A flow report or event of a kind that is wanted. The collectors have it after hand_out() at
  /// the latest.
  void add(const Flow& flow);

  /// Gives what was gathered to all collectors.
  void hand_out();

 private:
  void gather(const Flow& flow);

  std::vector<Exporter*> collectors_;
  EncodedFlows records_;
  bool fills_unknown_interfaces_;
};

}  // namespace ctflow
