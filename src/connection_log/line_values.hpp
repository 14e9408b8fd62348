// SPDX-License-Identifier: GPL-2.0-or-later
// What a line and a row of a database say of a flow report, before it is text.
#pragma once

#include <string_view>

#include "ctflow/flow.hpp"

namespace ctflow::line_value {

/// `end`, or `update` while the connection exists.
constexpr std::string_view event_name(const Flow& flow) {
  return flow.event == FlowEvent::kReported ? "update" : "end";
}

/// flowEndReason (136) in words.
constexpr std::string_view end_reason_name(EndReason reason) {
  switch (reason) {
    case EndReason::kIdleTimeout:
      return "idle_timeout";
    case EndReason::kActiveTimeout:
      return "active_timeout";
    case EndReason::kEndOfFlow:
      return "end_of_flow";
    case EndReason::kForcedEnd:
      return "forced_end";
    case EndReason::kLackOfResources:
      return "lack_of_resources";
  }
  return "unknown";
}

/// When the connection began.
constexpr TimePoint begun(const Flow& flow) {
  return flow.earlier.start != TimePoint{} ? flow.earlier.start : flow.start;
}

/// Since when the deltas count.
constexpr TimePoint delta_start(const Flow& flow) {
  return flow.event == FlowEvent::kEndedBefore ? flow.end : flow.start;
}

/// What one side counted, now and over all reports.
struct Count {
  Counters delta;
  Counters total;
};

/// One end of a connection, as the other sees it and as it is after translation.
struct Side {
  std::string_view name;
  const IpAddress& address;
  std::uint16_t port;
  bool translated;
  AddressFamily outside_family;
  const IpAddress& outside;
  std::uint16_t outside_port;
  Count count;
  const Interfaces& interfaces;
  std::uint64_t mac;  ///< of the host, 0: unknown
  const NetworkOrigin& origin;
};

struct Sides {
  Side initiator;
  Side responder;
};

constexpr Count count_of(const Flow& flow, const Counters& counters, const Counters& earlier) {
  if (flow.event == FlowEvent::kEndedBefore) return {{}, counters};
  return {counters, {counters.packets + earlier.packets, counters.octets + earlier.octets}};
}

/// Refers to `flow`.
constexpr Sides sides_of(const Flow& flow) {
  const Tuple& original = flow.original;
  const Tuple& reply = flow.reply;
  return {
      {"initiator", original.source, original.source_port, (flow.status & status::kSourceNat) != 0,
       reply.family, reply.destination, reply.destination_port,
       count_of(flow, flow.original_counters, flow.earlier.original_counters),
       flow.original_interfaces, flow.initiator_mac, flow.initiator_origin},
      {"responder", original.destination, original.destination_port,
       (flow.status & status::kDestinationNat) != 0, reply.family, reply.source, reply.source_port,
       count_of(flow, flow.reply_counters, flow.earlier.reply_counters), flow.reply_interfaces,
       flow.responder_mac, flow.responder_origin}};
}

}  // namespace ctflow::line_value
