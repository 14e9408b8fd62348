// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the connections over which this host sends flow records (source.own_traffic).
#pragma once

#include <vector>

#include "ctflow/flow_source.hpp"
#include "ctflow/output.hpp"

namespace ctflow {

class OwnConnections {
 public:
  /// Looks which address of this host the kernel sends from to each of them: where a route or an
  /// address changed, the earlier ones stay, because their connections still are in the table.
  /// True: all() is another one than before. To be called in the namespace that messages leave
  /// from.
  bool update(const std::vector<RemotePeer>& peers);

  /// The oldest first: those in use, and at most kMost of before.
  [[nodiscard]] const std::vector<OwnConnection>& all() const { return all_; }

  static constexpr std::size_t kMost = 64;

 private:
  std::vector<OwnConnection> all_;
};

}  // namespace ctflow
