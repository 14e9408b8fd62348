// SPDX-License-Identifier: GPL-2.0-or-later
// Netlink bytes -> Flow. Pure: no clock, no I/O, no allocation, no exception.
#pragma once

#include "conntrack/flow/usual_end.hpp"
#include "ctflow/flow.hpp"
#include "netlink/attributes.hpp"

namespace ctflow {

enum class DecodeResult : std::uint8_t {
  kFlow,       ///< a DESTROY event; the flow is filled
  kReport,     ///< a patched kernel's report of an existing connection; the flow is filled
  kEntry,      ///< an existing connection in a dump of the table; the flow is filled
  kCreated,    ///< a NEW event; the flow is filled, without counters and times
  kIgnored,    ///< a well-formed message of another kind
  kMalformed,  ///< not a message the kernel would send; the flow is unspecified
};

/// Decodes one netlink message, header included (ctnetlink_conntrack_event() in
/// net/netfilter/nf_conntrack_netlink.c writes it).
///
/// Unknown attributes are skipped; a known one that is too short makes the message malformed. The
/// kernel's stop time is left in `end`; `event_time`, `end_reason` and the interfaces keep their
/// defaults: later stages fill them.
DecodeResult decode_any(Bytes message, Flow& flow);

/// The same, with what nearly all messages are in line.
[[gnu::always_inline]] inline DecodeResult decode(Bytes message, Flow& flow) {
  const usual_end::Found found = usual_end::read<false>(message, flow);
  if (found == usual_end::Found::kEnd) return DecodeResult::kFlow;
  return found == usual_end::Found::kOther ? decode_any(message, flow) : DecodeResult::kMalformed;
}

}  // namespace ctflow
