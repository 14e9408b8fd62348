// SPDX-License-Identifier: GPL-2.0-or-later
// For collectors that drop a record whose interfaces are both unknown, or whose interface they
// cannot find on the exporter.
#pragma once

#include "ctflow/flow.hpp"

namespace ctflow {

/// The loopback interface, which every network namespace of Linux has from its beginning under this
/// ifIndex (LOOPBACK_IFINDEX of include/net/flow.h).
inline constexpr std::uint32_t kLoopbackInterface = 1;

inline bool lacks_interfaces(const Flow& flow) {
  const auto unknown = [](const Interfaces& one) { return one.ingress == 0 && one.egress == 0; };
  return unknown(flow.original_interfaces) || unknown(flow.reply_interfaces);
}

/// A copy whose records have kLoopbackInterface where they would have no interface at all.
inline Flow with_interfaces(Flow flow) {
  for (Interfaces* one : {&flow.original_interfaces, &flow.reply_interfaces}) {
    if (one->ingress == 0 && one->egress == 0) one->ingress = one->egress = kLoopbackInterface;
  }
  return flow;
}

}  // namespace ctflow
