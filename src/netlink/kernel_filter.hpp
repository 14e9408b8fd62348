// SPDX-License-Identifier: GPL-2.0-or-later
// What of `source.filter` the kernel can decide before it sends anything (libnetfilter_conntrack).
#pragma once

#include <cstdint>
#include <system_error>
#include <vector>

#include "ctflow/connection_match.hpp"
#include "ctflow/flow.hpp"
#include "ctflow/network.hpp"

namespace ctflow {

/// A socket filter for events. It removes nothing that conntrack/flow/connection_filter.hpp lets
/// pass, and may let pass more than that. Dumps are not filtered: a connection that two scans do
/// not meet counts as gone, though its mark or the filter may only have changed.
///
/// It compares attributes of the message: protocol, addresses of the original direction, mark. One
/// list each either holds all that may pass, which needs every entry of `include` to name some, or
/// all that may not, from entries of `exclude` that name nothing else. Networks of either end can
/// only be excluded.
class KernelFilter {
 public:
  explicit KernelFilter(const FilterConfig& config);

  [[nodiscard]] bool filters_events() const;

  /// Attaches the socket filter to a socket of NETLINK_NETFILTER. After an error there is none.
  [[nodiscard]] std::error_code attach(int socket) const;

 private:
  /// The values of one attribute.
  template <typename Value>
  struct List {
    std::vector<Value> values{};
    bool includes = false;  ///< only these pass; else all but these
  };
  struct Addresses {
    List<Network> ipv4;
    List<Network> ipv6;
  };

  void include(const std::vector<ConnectionMatch>& entries);
  void exclude(const std::vector<ConnectionMatch>& entries);
  void limit_sizes();

  List<std::uint64_t> protocols_;
  Addresses sources_;
  Addresses destinations_;
  List<MarkMatch> marks_;
};

}  // namespace ctflow
