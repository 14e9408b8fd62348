// SPDX-License-Identifier: GPL-2.0-or-later
// Flow reports of every kind that a line or a row can be of.
#pragma once

#include <vector>

#include "support/sample_flows.hpp"

namespace ctflow::test::line_flow {

inline Flow reported(Flow flow) {
  flow.event = FlowEvent::kReported;
  flow.end_reason = EndReason::kActiveTimeout;
  return flow;
}

/// A later report of a connection.
inline Flow continued(Flow flow) {
  flow.earlier = {{7, 700}, {5, 500}, kSampleStart - std::chrono::seconds(60)};
  return flow;
}

inline Flow ended_before(Flow flow) {
  flow.event = FlowEvent::kEndedBefore;
  flow.end_reason = EndReason::kIdleTimeout;
  return flow;
}

inline Flow uncounted(Flow flow) {
  flow.present.counters = false;
  flow.original_counters = flow.reply_counters = {};
  return flow;
}

/// More than a double holds.
inline Flow large(Flow flow) {
  flow.original_counters.octets = std::uint64_t{1} << 53;
  flow.reply_counters.octets = (std::uint64_t{1} << 53) - 1;
  return flow;
}

inline Flow evicted(Flow flow) {
  flow.end_reason = EndReason::kLackOfResources;
  flow.mark = 0xFEDCBA98;
  return flow;
}

inline Flow removed(Flow flow) {
  flow.end_reason = EndReason::kForcedEnd;
  flow.original_interfaces = flow.reply_interfaces = {};
  flow.original.zone = flow.reply.zone = 0;
  return flow;
}

/// Of whose hosts the MAC addresses are known.
inline Flow on_links(Flow flow) {
  flow.initiator_mac = 0x02005e0053f1;
  flow.responder_mac = 0xfedcba987654;
  flow.initiator_origin = {64500, {'D', 'E'}};
  flow.responder_origin = {4'200'000'001, {'F', 'R'}};
  return flow;
}

inline Flow gre() {
  Flow flow = sample::tcp();
  flow.original.protocol = flow.reply.protocol = 47;
  return flow;
}

/// Every kind of connection and line.
inline std::vector<Flow> every_kind() {
  namespace s = sample;
  return {s::tcp(),
          s::snat(),
          s::snat_silent(),
          s::dnat(),
          s::icmp(),
          s::icmp_nat(),
          s::udp6(),
          s::nat66(),
          s::nat64(),
          s::icmpv6(),
          s::icmpv6_nat66(),
          s::icmpv6_nat64(),
          gre(),
          reported(s::tcp()),
          reported(continued(s::snat())),
          continued(s::tcp()),
          ended_before(s::udp6()),
          uncounted(s::icmp()),
          large(s::tcp()),
          evicted(s::tcp()),
          removed(s::udp6()),
          on_links(s::snat())};
}

}  // namespace ctflow::test::line_flow
