// SPDX-License-Identifier: GPL-2.0-or-later
// Which connections are exported: zones, source.filter and source.own_traffic.
#pragma once

#include <cstdint>
#include <vector>

#include "ctflow/config.hpp"
#include "ctflow/flow.hpp"
#include "ctflow/flow_source.hpp"
#include "filter/connection_condition.hpp"

namespace ctflow {

/// Decides after decoding. A filter in the kernel (netlink/kernel_filter.hpp) only saves work: it
/// never removes what passes here.
class ConnectionFilter {
 public:
  explicit ConnectionFilter(const SourceConfig& config);

  [[nodiscard]] bool passes(const Flow& flow) const {
    return (own_.empty() || !is_own_traffic(flow)) &&
           (!has_conditions_ || (zone_passes(flow) && filter_passes(flow)));
  }

  void set_own_traffic(std::vector<OwnConnection> connections);

 private:
  [[nodiscard]] bool zone_passes(const Flow& flow) const;
  [[nodiscard]] bool is_own_traffic(const Flow& flow) const;
  [[nodiscard]] bool filter_passes(const Flow& flow) const;

  std::vector<std::uint64_t> zones_;          ///< empty: all
  std::vector<ConnectionCondition> include_;  ///< empty: all
  std::vector<ConnectionCondition> exclude_;
  bool excludes_own_;
  std::vector<OwnConnection> own_;
  bool has_conditions_;  ///< zones, or a filter
};

}  // namespace ctflow
