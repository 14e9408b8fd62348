// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/decode_record.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "extras/from_bpf/measured_extras.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

/// False: of no family that has a tuple here.
bool read_tuple(const ctflow_tuple& record, Tuple& tuple) {
  if (record.family == AF_INET) {
    tuple.family = AddressFamily::kIpv4;
  } else if (record.family == AF_INET6) {
    tuple.family = AddressFamily::kIpv6;
  } else {
    return false;
  }
  const std::size_t length = record.family == AF_INET ? 4 : 16;
  std::memcpy(tuple.source.octets.data(), record.source, length);
  std::memcpy(tuple.destination.octets.data(), record.destination, length);
  tuple.protocol = record.protocol;
  if (record.protocol == IPPROTO_ICMP || record.protocol == IPPROTO_ICMPV6) {
    const std::uint16_t kind = wire::network_order(record.destination_port);
    tuple.icmp_id = wire::network_order(record.source_port);
    tuple.icmp_type = static_cast<std::uint8_t>(kind >> 8);
    tuple.icmp_code = static_cast<std::uint8_t>(kind);
  } else {
    tuple.source_port = wire::network_order(record.source_port);
    tuple.destination_port = wire::network_order(record.destination_port);
  }
  return true;
}

/// A zone that applies to one direction only is none of the connection, as in ctnetlink.
void read_zone(const ctflow_record& record, Flow& flow) {
  constexpr unsigned kOriginal = 1;  // NF_CT_ZONE_DIR_ORIG
  constexpr unsigned kReply = 2;
  constexpr unsigned kBoth = kOriginal | kReply;
  const unsigned direction = record.zone_direction & kBoth;
  if (direction == kBoth) flow.zone = record.zone;
  if ((direction & kOriginal) != 0) flow.original.zone = record.zone;
  if ((direction & kReply) != 0) flow.reply.zone = record.zone;
}

bool has_state(std::uint8_t protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

/// As ctnetlink reports them: an end has CTA_TIMEOUT only if a whole second was left, and its stop
/// time is that of the expiry for an entry that had expired (nf_ct_delete()).
void read_times(const ctflow_record& record, const Instant& now, Flow& flow) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t left = record.timeout;
  const std::int64_t seconds = std::clamp<std::int64_t>(left / kSecond, 0, 0xffff'ffff);
  flow.timeout = static_cast<std::uint32_t>(seconds);
  if (flow.event == FlowEvent::kReported) {
    flow.present.timeout = (flow.status & status::kOffloaded) == 0;
  } else if (flow.event == FlowEvent::kEnded) {
    flow.present.timeout = seconds > 0;
    flow.present.stop = true;
    flow.end =
        wall_time(record.time, now) + std::chrono::nanoseconds(std::min<std::int64_t>(left, 0));
  }
  if ((record.present & CTFLOW_HAS_START) == 0) return;
  flow.start = TimePoint(std::chrono::nanoseconds(static_cast<std::int64_t>(record.start)));
  flow.present.start = true;
}

DecodeResult read_event(std::uint8_t event, Flow& flow) {
  switch (event) {
    case CTFLOW_ENDED:
      flow.event = FlowEvent::kEnded;
      return DecodeResult::kFlow;
    case CTFLOW_REPORTED:
      flow.event = FlowEvent::kReported;
      return DecodeResult::kReport;
    case CTFLOW_CREATED:
      flow.event = FlowEvent::kCreated;
      return DecodeResult::kCreated;
    default:
      return DecodeResult::kMalformed;
  }
}

}  // namespace

DecodeResult decode_record(const ctflow_record& record, const Instant& now, Flow& flow) {
  flow = Flow{};
  const DecodeResult result = read_event(record.event, flow);
  if (result == DecodeResult::kMalformed || !read_tuple(record.tuple[0], flow.original) ||
      !read_tuple(record.tuple[1], flow.reply)) {
    return DecodeResult::kMalformed;
  }
  read_zone(record, flow);
  flow.status = record.status;
  flow.mark = record.mark;
  flow.extras.by_present_clock = true;
  read_times(record, now, flow);
  if (result == DecodeResult::kCreated) return result;
  flow.port_id = record.port_id;
  flow.present.state = has_state(flow.original.protocol);
  if (flow.present.state) flow.state = record.state;
  if ((record.present & CTFLOW_HAS_COUNTERS) != 0) {
    flow.original_counters = {record.conntrack_packets[0], record.conntrack_octets[0]};
    flow.reply_counters = {record.conntrack_packets[1], record.conntrack_octets[1]};
    flow.present.counters = true;
  }
  if ((record.present & CTFLOW_HAS_MEASURED) != 0) {
    set_extras(record.measured, flow.original.protocol, now, flow.extras);
    flow.extras.reason = record.reason;
  }
  return result;
}

}  // namespace ctflow
