// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/decode.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "conntrack/flow/nested_attributes.hpp"
#include "conntrack/flow/usual_end.hpp"
#include "conntrack/flow/usual_layout.hpp"
#include "extras/from_patch/decode_extras.hpp"
#include "nf_conntrack_flow.h"

namespace ctflow {
namespace {

using usual_end::kHeaders;

/// What the top-level walk has to remember until all attributes are read.
struct Seen {
  bool original = false;
  bool reply = false;
  TupleForm original_form;
  TupleForm reply_form;
  bool original_counters = false;
  bool reply_counters = false;
};

bool read_attribute(const Attribute& attribute, Flow& flow, Seen& seen) {
  switch (attribute.type) {
    case CTA_TUPLE_ORIG:
      return seen.original = read_tuple(attribute.payload, flow.original, seen.original_form);
    case CTA_TUPLE_REPLY:
      return seen.reply = read_tuple(attribute.payload, flow.reply, seen.reply_form);
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
      return read_counters(attribute.payload, flow.original_counters, seen.original_counters);
    case CTA_COUNTERS_REPLY:
      return read_counters(attribute.payload, flow.reply_counters, seen.reply_counters);
    case CTA_ID:
      return read_integer(attribute, flow.id);
    case CTA_ZONE:
      return read_integer(attribute, flow.zone);
    case CTA_TIMESTAMP:
      return read_timestamps(attribute.payload, flow);
    case CTA_FLOW:
      decode_extras(attribute.payload, flow.extras);
      return true;
    default:
      return true;
  }
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
  take_counters(CTA_COUNTERS_ORIG, flow.original_counters, seen.original_counters);
  take_counters(CTA_COUNTERS_REPLY, flow.reply_counters, seen.reply_counters);
  return usual_end::read_behind_counters(rest, flow);
}

/// The attributes that are left, one by one. False: malformed.
bool walk_connection(Bytes rest, Flow& flow, Seen& seen) {
  Attributes attributes(rest);
  Attribute attribute;
  while (attributes.next(attribute)) {
    if (!read_attribute(attribute, flow, seen)) return false;
  }
  flow.present.counters = seen.original_counters && seen.reply_counters;
  flow.present.no_ports = seen.original_form.no_ports;
  if (!seen.original_form.zoned) flow.original.zone = flow.zone;
  if (!seen.reply_form.zoned) flow.reply.zone = flow.zone;
  return !attributes.malformed() && seen.original && seen.reply;
}

bool read_connection(Bytes bytes, Flow& flow) {
  Seen seen;
  return walk_connection(read_usual(bytes, flow, seen), flow, seen);
}

/// Any message, attribute by attribute.
DecodeResult decode_attributes(Bytes message, Flow& flow) {
  if (message.size() < sizeof(nlmsghdr)) return DecodeResult::kMalformed;
  const auto length = load_host<std::uint32_t>(message, offsetof(nlmsghdr, nlmsg_len));
  if (length < sizeof(nlmsghdr) || length > message.size()) return DecodeResult::kMalformed;
  const auto type = load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type));
  constexpr std::uint16_t kSubsystem = NFNL_SUBSYS_CTNETLINK << 8;
  const bool destroyed = type == usual_end::kDestroy;
  if (!destroyed && type != (kSubsystem | IPCTNL_MSG_CT_NEW)) return DecodeResult::kIgnored;
  if (length < kHeaders) return DecodeResult::kMalformed;

  usual_end::reset_behind(flow);
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

}  // namespace

bool usual_end::read_rest(Bytes rest, Flow& flow) {
  Seen seen;
  seen.original = seen.reply = seen.original_counters = seen.reply_counters = true;
  return walk_connection(rest, flow, seen);
}

DecodeResult decode_any(Bytes message, Flow& flow) {
  // The ends of a table that was flushed or too full.
  const usual_end::Found early = usual_end::read<true>(message, flow);
  if (early == usual_end::Found::kEnd) return DecodeResult::kFlow;
  return early == usual_end::Found::kOther ? decode_attributes(message, flow)
                                           : DecodeResult::kMalformed;
}

}  // namespace ctflow
