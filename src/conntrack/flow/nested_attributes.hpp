// SPDX-License-Identifier: GPL-2.0-or-later
// The payloads of ctnetlink's nested attributes: at their places where they are laid out as usual,
// else attribute by attribute. False everywhere: malformed.
#pragma once

#include "netlink/attributes.hpp"

namespace ctflow {

/// CTA_TUPLE_ORIG, CTA_TUPLE_REPLY. `zoned` becomes true: the tuple has a zone of its own.
bool read_tuple(Bytes bytes, Tuple& tuple, bool& zoned);

/// CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY. `complete`: packets and octets are there.
bool read_counters(Bytes bytes, Counters& counters, bool& complete);

/// CTA_TIMESTAMP: start and end of the flow, and that they are present.
bool read_timestamps(Bytes bytes, Flow& flow);

/// CTA_PROTOINFO: the state of TCP, SCTP or DCCP.
bool read_protocol_information(Bytes bytes, Flow& flow);

}  // namespace ctflow
