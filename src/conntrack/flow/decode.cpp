// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/decode.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <algorithm>

#include "conntrack/flow/nested_attributes.hpp"
#include "conntrack/flow/usual_layout.hpp"
#include "extras/from_patch/decode_extras.hpp"
#include "nf_conntrack_flow.h"

namespace ctflow {
namespace {

constexpr std::size_t kHeaders = NLMSG_HDRLEN + sizeof(nfgenmsg);
static_assert(kHeaders == 20);

/// What the top-level walk has to remember until all attributes are read.
struct Seen {
  bool original = false;
  bool reply = false;
  bool original_zone = false;
  bool reply_zone = false;
  bool forward = false;
  bool backward = false;
};

bool read_attribute(const Attribute& attribute, Flow& flow, Seen& seen) {
  switch (attribute.type) {
    case CTA_TUPLE_ORIG:
      return seen.original = read_tuple(attribute.payload, flow.original, seen.original_zone);
    case CTA_TUPLE_REPLY:
      return seen.reply = read_tuple(attribute.payload, flow.reply, seen.reply_zone);
    case CTA_STATUS:
      return read_integer(attribute, flow.status);
    case CTA_PROTOINFO:
      return read_protocol_information(attribute.payload, flow);
    case CTA_TIMEOUT:
      flow.present.timeout = true;
      return read_integer(attribute, flow.timeout);
    case CTA_MARK:
      return read_integer(attribute, flow.mark);
    case CTA_COUNTERS_ORIG:
      return read_counters(attribute.payload, flow.forward, seen.forward);
    case CTA_COUNTERS_REPLY:
      return read_counters(attribute.payload, flow.backward, seen.backward);
    case CTA_ID:
      return read_integer(attribute, flow.id);
    case CTA_ZONE:
      return read_integer(attribute, flow.zone);
    case CTA_TIMESTAMP:
      return read_timestamps(attribute.payload, flow);
    case CTA_LABELS:
      std::memcpy(flow.labels.data(), attribute.payload.data(),
                  std::min(flow.labels.size(), attribute.payload.size()));
      return true;
    case CTA_FLOW:
      decode_extras(attribute.payload, flow.extras);
      return true;
    default:
      return true;
  }
}

/// Reads the attributes of an expired entry up to its counters, if they are as today's kernels
/// write them. Returns how many octets that were, or 0.
std::size_t read_expired(Bytes bytes, Flow& flow) {
  using namespace usual_layout;
  const bool is_ipv4 = begins_with(bytes, nest_header(CTA_TUPLE_ORIG, kTuple4), kTuple4);
  return is_ipv4 ? usual_layout::read_expired<4>(bytes, flow)
                 : usual_layout::read_expired<16>(bytes, flow);
}

/// What stands behind the counters of an end: its times, the state of TCP, the mark. Returns what
/// is left.
[[gnu::always_inline]] inline Bytes read_behind_counters(Bytes rest, Flow& flow) {
  using namespace usual_layout;
  if (begins_with(rest, nest_header(CTA_TIMESTAMP, kPair), kPair) &&
      usual_layout::read_timestamps(rest.subspan(kHeader, kPair), flow)) {
    rest = rest.subspan(kHeader + kPair);
  }
  if (begins_with(rest, nest_header(CTA_PROTOINFO, kTcpState), kTcpState) &&
      read_tcp_state(rest.subspan(kHeader, kTcpState), flow.state)) {
    flow.present.state = true;
    rest = rest.subspan(kHeader + kTcpState);
  }
  if (begins_with(rest, header(CTA_MARK, sizeof flow.mark), sizeof flow.mark)) {
    flow.mark = wire::load<std::uint32_t>(rest, kHeader);
    rest = rest.subspan(kHeader + sizeof flow.mark);
  }
  return rest;
}

/// Reads the attributes at the beginning that are as an end has them, in the order of
/// ctnetlink_conntrack_event(). Returns the others, which may be all.
Bytes read_usual(Bytes rest, Flow& flow, Seen& seen) {
  using namespace usual_layout;
  const auto take = [&rest](std::uint32_t expected, std::size_t payload, auto read) {
    if (!begins_with(rest, expected, payload)) return;
    if (read(rest.subspan(kHeader, payload))) rest = rest.subspan(kHeader + payload);
  };
  const auto take_number = [&](std::uint16_t type, std::uint32_t& value) {
    bool taken = false;
    take(header(type, sizeof value), sizeof value, [&](Bytes payload) {
      value = wire::load<std::uint32_t>(payload);
      return taken = true;
    });
    return taken;
  };
  const auto take_tuple = [&](std::uint16_t type, Tuple& tuple, bool& found) {
    take(nest_header(type, kTuple4), kTuple4,
         [&](Bytes payload) { return found = read_tuple_of<4>(payload, tuple); });
    if (found) return;
    take(nest_header(type, kTuple6), kTuple6,
         [&](Bytes payload) { return found = read_tuple_of<16>(payload, tuple); });
  };
  const auto take_counters = [&](std::uint16_t type, Counters& counters, bool& found) {
    take(nest_header(type, kPair), kPair, [&](Bytes payload) {
      return found = read_pair(payload, CTA_COUNTERS_PACKETS, CTA_COUNTERS_BYTES, counters.packets,
                               counters.octets);
    });
  };
  take_tuple(CTA_TUPLE_ORIG, flow.original, seen.original);
  if (!seen.original) return rest;
  take_tuple(CTA_TUPLE_REPLY, flow.reply, seen.reply);
  take_number(CTA_ID, flow.id);
  take_number(CTA_STATUS, flow.status);
  flow.present.timeout = take_number(CTA_TIMEOUT, flow.timeout);
  take_counters(CTA_COUNTERS_ORIG, flow.forward, seen.forward);
  take_counters(CTA_COUNTERS_REPLY, flow.backward, seen.backward);
  return read_behind_counters(rest, flow);
}

/// The attributes that are left, one by one. False: malformed.
bool walk_connection(Bytes rest, Flow& flow, Seen& seen) {
  Attributes attributes(rest);
  Attribute attribute;
  while (attributes.next(attribute)) {
    if (!read_attribute(attribute, flow, seen)) return false;
  }
  flow.present.counters = seen.forward && seen.backward;
  if (!seen.original_zone) flow.original.zone = flow.zone;
  if (!seen.reply_zone) flow.reply.zone = flow.zone;
  return !attributes.malformed() && seen.original && seen.reply;
}

// Apart, so that the usual end need not save what these need.

[[gnu::noinline]] bool read_rest_of_end(Bytes rest, Flow& flow) {
  Seen seen;
  seen.original = seen.reply = seen.forward = seen.backward = true;
  return walk_connection(rest, flow, seen);
}

[[gnu::noinline]] bool read_other_connection(Bytes bytes, Flow& flow) {
  Seen seen;
  return walk_connection(read_usual(bytes, flow, seen), flow, seen);
}

/// As `flow = Flow{}`, but with stores of its members: g++ makes that a string instruction of the
/// processor, which takes longer to begin than these take.
void clear(Flow& flow) {
  // All members: one that is missing here does not compile.
  auto& [original, reply, forward, backward, start, end, event_time, id, status, mark, timeout,
         port_id, forward_interfaces, backward_interfaces, forward_routing, backward_routing,
         initiator_origin, responder_origin, initiator_mac, responder_mac, user, zone, labels,
         state, event, end_reason, present, earlier, extras] = flow;
  auto& [of_original, of_reply, reason, is_present, by_present_clock] = extras;
  const auto reset = [](auto&... members) {
    ((members = std::remove_reference_t<decltype(members)>{}), ...);
  };
  reset(original, reply, forward, backward, start, end, event_time, id, status, mark, timeout,
        port_id, forward_interfaces, backward_interfaces, forward_routing, backward_routing,
        initiator_origin, responder_origin, initiator_mac, responder_mac, user, zone, labels, state,
        present, earlier, of_original, of_reply, reason, is_present, by_present_clock);
  event = FlowEvent::kEnded;
  end_reason = EndReason::kIdleTimeout;
}

/// The message's attributes, from behind its headers. False: malformed.
bool read_connection(Bytes bytes, Flow& flow) {
  const std::size_t octets = read_expired(bytes, flow);
  if (octets == 0) return read_other_connection(bytes, flow);
  const Bytes rest = read_behind_counters(bytes.subspan(octets), flow);
  if (!rest.empty()) return read_rest_of_end(rest, flow);
  flow.present.counters = true;
  return true;
}

}  // namespace

DecodeResult decode(Bytes message, Flow& flow) {
  if (message.size() < sizeof(nlmsghdr)) return DecodeResult::kMalformed;
  const auto length = load_host<std::uint32_t>(message, offsetof(nlmsghdr, nlmsg_len));
  if (length < sizeof(nlmsghdr) || length > message.size()) return DecodeResult::kMalformed;
  const auto type = load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type));
  constexpr std::uint16_t kSubsystem = NFNL_SUBSYS_CTNETLINK << 8;
  const bool destroyed = type == (kSubsystem | IPCTNL_MSG_CT_DELETE);
  if (!destroyed && type != (kSubsystem | IPCTNL_MSG_CT_NEW)) return DecodeResult::kIgnored;
  if (length < kHeaders) return DecodeResult::kMalformed;

  clear(flow);
  flow.port_id = load_host<std::uint32_t>(message, offsetof(nlmsghdr, nlmsg_pid));
  const auto flags = load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_flags));
  const bool dumped = (flags & NLM_F_MULTI) != 0;
  const bool created = (flags & NLM_F_CREATE) != 0;  // a NEW event, not an UPDATE
  const bool well_formed = read_connection(message.subspan(kHeaders, length - kHeaders), flow);
  if (!destroyed && !dumped && !created && !flow.extras.present) return DecodeResult::kIgnored;
  if (!well_formed) return DecodeResult::kMalformed;
  if (destroyed) return DecodeResult::kFlow;
  if (created) {
    flow.event = FlowEvent::kCreated;
    return DecodeResult::kCreated;
  }
  flow.event = FlowEvent::kReported;
  return dumped ? DecodeResult::kEntry : DecodeResult::kReport;
}

}  // namespace ctflow
