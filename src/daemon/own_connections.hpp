// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the connections over which this host sends flow records (source.own_traffic).
#pragma once

#include <string>
#include <vector>

#include "ctflow/config.hpp"
#include "ctflow/flow_source.hpp"

namespace ctflow {

class OwnConnections {
 public:
  /// A collector as it is reached now. `peer`: ADDRESS:PORT or [IPv6 ADDRESS]:PORT; anything else
  /// is no address yet.
  struct Peer {
    const CollectorConfig& config;
    std::string peer;
  };

  /// Looks which address of this host the kernel sends from to each of them: where a route or an
  /// address changed, the earlier ones stay, because their connections still are in the table.
  /// True: all() is another one than before. To be called in the namespace that messages leave
  /// from.
  bool update(const std::vector<Peer>& peers);

  /// The oldest first, at most kMost.
  [[nodiscard]] const std::vector<OwnConnection>& all() const { return all_; }

  static constexpr std::size_t kMost = 64;

 private:
  std::vector<OwnConnection> all_;
};

}  // namespace ctflow
