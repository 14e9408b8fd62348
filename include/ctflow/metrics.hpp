// SPDX-License-Identifier: GPL-2.0-or-later
// The ledger: every connection that ended is exported or lost with a reason, and every count here
// can be told to a person or to a collector.
#pragma once

#include <cstdint>

namespace ctflow {

/// Counts of the source: netlink bytes -> flows.
struct SourceCounters {
  std::uint64_t messages = 0;   ///< netlink messages read
  std::uint64_t ended = 0;      ///< DESTROY events decoded: connections that ended
  std::uint64_t ignored = 0;    ///< well-formed messages of another kind
  std::uint64_t malformed = 0;  ///< messages dropped because they could not be decoded
  std::uint64_t foreign = 0;    ///< messages dropped because the kernel did not send them
  std::uint64_t overruns = 0;   ///< ENOBUFS: times the kernel dropped events, count unknown
};

/// Counts of the pipeline between source and exporters.
struct PipelineCounters {
  std::uint64_t exported = 0;          ///< connections handed to the exporters
  std::uint64_t lost_no_counters = 0;  ///< accounting was off when the connection began
  std::uint64_t end_from_stop = 0;     ///< end = kernel's stop minus the protocol's timeout
  std::uint64_t end_from_event = 0;    ///< no kernel timestamps: end = time of the event
  std::uint64_t start_from_event = 0;  ///< no kernel timestamps: start = time of the event
};

/// Counts of one collector. `flows`, `records`, `packets`, `octets` left this host; the lost ones
/// did not.
struct ExporterCounters {
  std::uint64_t messages = 0;
  std::uint64_t flows = 0;    ///< connections in those messages
  std::uint64_t records = 0;  ///< flow records in those messages
  std::uint64_t packets = 0;  ///< sum of packetDeltaCount
  std::uint64_t octets = 0;   ///< sum of octetDeltaCount
  std::uint64_t template_refreshes = 0;
  std::uint64_t option_records = 0;
  std::uint64_t refusals =
      0;  ///< ICMP port unreachable: nobody listened, earlier messages were in vain

  std::uint64_t lost_messages = 0;
  std::uint64_t lost_would_block = 0;  ///< connections lost because the send buffer was full
  std::uint64_t lost_unresolved = 0;   ///< connections lost because the name had no address
  std::uint64_t lost_send_error = 0;   ///< connections lost by any other error of send
};

}  // namespace ctflow
