// SPDX-License-Identifier: GPL-2.0-or-later
// For collectors that drop a record whose interfaces are both unknown.
#pragma once

#include "ctflow/flow.hpp"

namespace ctflow {

/// The largest ifIndex there is (RFC 2863, InterfaceIndex): no interface of Linux gets it.
inline constexpr std::uint32_t kUnknownInterface = 2'147'483'647;

inline bool lacks_interfaces(const Flow& flow) {
  const auto unknown = [](const Interfaces& one) { return one.ingress == 0 && one.egress == 0; };
  return unknown(flow.forward_interfaces) || unknown(flow.backward_interfaces);
}

/// A copy whose records say kUnknownInterface where they would say nothing.
inline Flow with_interfaces(Flow flow) {
  for (Interfaces* one : {&flow.forward_interfaces, &flow.backward_interfaces}) {
    if (one->ingress == 0 && one->egress == 0) one->ingress = one->egress = kUnknownInterface;
  }
  return flow;
}

}  // namespace ctflow
