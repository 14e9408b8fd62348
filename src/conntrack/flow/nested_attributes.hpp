// SPDX-License-Identifier: GPL-2.0-or-later
// The payloads of ctnetlink's nested attributes: at their places where they are laid out as usual,
// else attribute by attribute. False everywhere: malformed.
#pragma once

#include "netlink/attributes.hpp"

namespace ctflow {

/// What a tuple has or lacks beside its values.
struct TupleForm {
  bool zoned = false;     ///< a zone of its own
  bool no_ports = false;  ///< not even ports that are 0
};

/// CTA_TUPLE_ORIG, CTA_TUPLE_REPLY.
bool read_tuple(Bytes bytes, Tuple& tuple, TupleForm& form);

/// CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY. `complete`: packets and octets are there.
bool read_counters(Bytes bytes, Counters& counters, bool& complete);

/// CTA_TIMESTAMP: start and end of the flow, and that they are present.
bool read_timestamps(Bytes bytes, Flow& flow);

/// CTA_PROTOINFO: the state of TCP, SCTP or DCCP.
bool read_protocol_information(Bytes bytes, Flow& flow);

}  // namespace ctflow
