// SPDX-License-Identifier: GPL-2.0-or-later
// The ledger: every flow report is sent, waiting, filtered or lost with a reason. Every count here
// is in the totals of the log, in `ctflowd status` and in the metrics.
#pragma once

#include <chrono>
#include <cstdint>

namespace ctflow {

/// Counts of the source: netlink bytes -> flows. Always:
/// ended + reports + entries + created
///   = flows handed on + filtered + already_reported + reports_skipped + entries_skipped
///   + existing_skipped + ended_empty + repeated.
struct SourceCounters {
  std::uint64_t messages = 0;  ///< netlink messages read
  std::uint64_t ended = 0;     ///< DESTROY events decoded: connections that ended
  std::uint64_t reports = 0;   ///< interim reports decoded (patched kernel, eBPF programs)
  std::uint64_t filtered = 0;  ///< of all these: not exported by the configuration
  std::uint64_t created = 0;   ///< NEW events decoded, if an output wants them
  /// Connections that ended with nothing left to export: interim reports had all. If an output
  /// wants their ends, they are handed on instead.
  std::uint64_t already_reported = 0;
  /// Connections that ended without a packet: put into the table by another program, or their
  /// counters were set to zero. If an output wants their ends, they are handed on instead.
  std::uint64_t ended_empty = 0;
  /// Of `ended` and `created`: events that the kernel sent again.
  std::uint64_t repeated = 0;
  /// Ends that had to be forgotten while the kernel might still send them again.
  std::uint64_t repeats_unknown = 0;
  /// Connections a counter of which fell: another program set it to zero. What it had counted since
  /// the previous report is not exported.
  std::uint64_t counters_fell = 0;
  std::uint64_t fallen_packets = 0;  ///< … of that, what scans had seen
  /// Interim reports with nothing new, or of connections beyond the limit; what they counted is in
  /// the final report.
  std::uint64_t reports_skipped = 0;
  std::uint64_t entries = 0;  ///< connections met in scans of the table
  /// Entries that were not due, or had nothing new; the next scan or the final report has it.
  std::uint64_t entries_skipped = 0;
  /// Of the skipped reports and entries: the connection could not be remembered.
  std::uint64_t no_room = 0;
  std::uint64_t existing_adopted = 0;  ///< connections at the start whose past is not exported
  /// What connections at the start had counted that is not exported.
  std::uint64_t ignored_packets = 0;
  std::uint64_t ignored_octets = 0;
  std::uint64_t existing_skipped = 0;  ///< … that ended before they could be adopted
  /// Connections that vanished from the table without an event. What the last scan saw of them was
  /// exported; what came after is unknown.
  std::uint64_t reconciled = 0;
  std::uint64_t ignored = 0;    ///< well-formed messages of another kind
  std::uint64_t malformed = 0;  ///< messages dropped because they could not be decoded
  std::uint64_t foreign = 0;    ///< datagrams dropped because the kernel did not send them
  std::uint64_t overruns = 0;   ///< ENOBUFS, or no room in the ring: times events were dropped
  /// Events that the kernel dropped, by its own count: connections that ended, and also what it
  /// sends of beginnings if an output wants those, and of interim reports if it is patched.
  std::uint64_t lost_overrun = 0;
  // Records of eBPF programs that found no room in the ring buffer, by the programs' own count:
  std::uint64_t lost_ends = 0;        ///< of connections that ended
  std::uint64_t lost_beginnings = 0;  ///< of connections that began, if an output wants those
  std::uint64_t delayed_reports = 0;  ///< interim reports; the next record has what they had
  /// Connections that found no room in the programs' map: exported by conntrack's own counters.
  std::uint64_t unmeasured = 0;
  /// Packets for which the kernel skipped the measuring program, because they interrupted it on
  /// their processor: missing in the counters of the wire. The kernel does not say of which
  /// connection, nor of which namespace: of all that are measured by the same programs.
  std::uint64_t unmeasured_packets = 0;
  /// With reliable delivery: times that an event found no room and was kept for later.
  std::uint64_t retried = 0;
  std::uint64_t end_from_packets = 0;  ///< end = the last packet, measured beside conntrack
  std::uint64_t end_from_dump = 0;     ///< end = where scans saw packets
  std::uint64_t end_from_timeout =
      0;                             ///< end = the kernel's stop time minus the protocol's timeout
  std::uint64_t end_from_event = 0;  ///< no kernel timestamps: the time of the event instead
  /// Of these: more than one timeout of the kernel fits, and they disagree by more than a second.
  std::uint64_t end_ambiguous = 0;
  /// … no timeout fits: a policy or a time set by hand, a flowtable, settings that changed.
  std::uint64_t end_unexplained = 0;
};

/// Counts of the pipeline. Always: flows handed on by the source = exported + lost_no_counters +
/// nat_events.
struct PipelineCounters {
  std::uint64_t exported = 0;  ///< flow reports with counters
  std::uint64_t lost_no_counters =
      0;                         ///< flow reports of connections that began without accounting
  std::uint64_t nat_events = 0;  ///< events that are no flow reports, for NAT events
};

/// What never came to an output.
struct UpstreamLosses {
  std::uint64_t flows = 0;  ///< dropped by the kernel, or not, or not rightly, counted by it
  std::uint64_t ignored_packets = 0;  ///< left out by the configuration, or not measured
  std::uint64_t ignored_octets = 0;   ///< … of those that something has counted
  /// Grows whenever events did not arrive, or not at once: the kernel had no room for them, or they
  /// could not be decoded. No number of events.
  std::uint64_t missed_events = 0;
  // Of `flows`:
  std::uint64_t lost_events = 0;     ///< connections whose end the kernel had no room for
  std::uint64_t no_counters = 0;     ///< flow reports of connections that the kernel does not count
  std::uint64_t counters_fell = 0;   ///< connections a counter of which fell
  std::uint64_t fallen_packets = 0;  ///< … what they had counted, as far as that was seen
  /// Not of `flows`: connections that vanished from the table without an event, …
  std::uint64_t reconciled = 0;
  /// … and how long before they were missed their previous report was, at most.
  std::chrono::milliseconds reconciled_within{};
};

/// Counts of the mirror of the kernel's routing.
struct RoutingCounters {
  std::uint64_t changes = 0;    ///< links, nexthop objects, routes and rules added or removed
  std::uint64_t resyncs = 0;    ///< times that everything was read again
  std::uint64_t malformed = 0;  ///< messages dropped because they could not be decoded
  std::uint64_t foreign = 0;    ///< datagrams dropped because the kernel did not send them
  std::uint64_t overruns = 0;   ///< ENOBUFS: times the kernel dropped changes
  std::uint64_t forgotten = 0;  ///< changes forgotten early, because there were too many
};

/// Where the interfaces came from. Always: the first four add up to two for each flow, one for the
/// initiator's side and one for the responder's.
struct InterfaceCounters {
  std::uint64_t from_kernel = 0;    ///< measured in the kernel: patch, eBPF programs
  std::uint64_t from_routes = 0;    ///< looked up, or an address of this host
  std::uint64_t from_settings = 0;  ///< by mark, by zone or constant
  std::uint64_t unknown = 0;
  std::uint64_t undecided = 0;  ///< flows for which a rule was passed over that needs the packet
  /// Flows whose route and whose translated address name different interfaces: unknown.
  std::uint64_t contradicted = 0;
  std::uint64_t forgotten =
      0;  ///< flows that ended before the changes that are remembered: unknown
};

/// Why a flow report that was offered to an output will not leave this host. The name of each is a
/// counter of ExporterCounters.
enum class LossReason : std::uint8_t {
  kWouldBlock,    ///< the socket's send buffer was full
  kUnresolved,    ///< the name of the host has no address
  kSendError,     ///< any other error of sending
  kSpoolFull,     ///< the oldest that waited, to make room
  kSpoolAge,      ///< waited longer than spool.max_age
  kSpoolDamaged,  ///< of the spool on disk, unreadable
  kStopped,       ///< waited in memory when ctflowd stopped
  kWriteError,    ///< could not be written to a file: disk full, …
  kUncertain,     ///< sent, but never acknowledged: the receiver may have it
};

/// What one or more messages carry.
struct ExportAmount {
  std::uint64_t messages = 0;
  std::uint64_t flows = 0;    ///< flow reports
  std::uint64_t records = 0;  ///< Flow Records
  std::uint64_t packets = 0;  ///< sum of packetDeltaCount
  std::uint64_t octets = 0;   ///< sum of octetDeltaCount
};

/// Flow reports that are not to be sent, in the terms of the records that they would have been.
struct FilteredAmount {
  std::uint64_t flows = 0;    ///< flow reports
  std::uint64_t packets = 0;  ///< what packetDeltaCount would have added up to
  std::uint64_t octets = 0;   ///< … and octetDeltaCount
};

/// Counts of one output; src/ledger enters them. Always, once no message is open:
/// offered + recovered.flows = flows + waiting.flows + lost() + filtered + unrepresentable,
/// where offered = pipeline.exported for an output of flow reports. Likewise in packets and octets,
/// and in records of what is not filtered: all that was offered + recovered = sent + waiting +
/// lost.
struct ExporterCounters {
  std::uint64_t offered = 0;  ///< flow reports, or NAT events, that it takes

  // Left out by the filter of this output.
  std::uint64_t filtered = 0;  ///< flow reports
  std::uint64_t filtered_packets = 0;
  std::uint64_t filtered_octets = 0;
  // What the protocol has no records of: IPv6 in NetFlow v5.
  std::uint64_t unrepresentable = 0;  ///< flow reports
  std::uint64_t unrepresentable_packets = 0;
  std::uint64_t unrepresentable_octets = 0;

  // Sent. UDP: it left this host; TCP and TLS: the collector's host acknowledged it; files: it was
  // written.
  std::uint64_t messages = 0;
  std::uint64_t flows = 0;           ///< flow reports
  std::uint64_t records = 0;         ///< Flow Records, one or two of a flow report
  std::uint64_t packets = 0;         ///< sum of packetDeltaCount
  std::uint64_t octets = 0;          ///< sum of octetDeltaCount
  std::uint64_t message_octets = 0;  ///< of the messages themselves
  std::uint64_t templates = 0;
  std::uint64_t option_records = 0;

  // Lost, in flow reports, by LossReason.
  std::uint64_t lost_messages = 0;  ///< for any reason, whatever they carried
  std::uint64_t lost_would_block = 0;
  std::uint64_t lost_unresolved = 0;
  std::uint64_t lost_send_error = 0;
  // The same in other terms, for any reason.
  std::uint64_t lost_records = 0;
  std::uint64_t lost_packets = 0;
  std::uint64_t lost_octets = 0;

  // Of outputs that keep messages.
  std::uint64_t transport_sessions = 0;  ///< connections made, files begun
  ExportAmount waiting;    ///< now: kept in memory or on disk, or not acknowledged yet
  ExportAmount recovered;  ///< found on disk at the start: offered to a ctflowd before this one
  /// May have left this host twice: on two connections, of which the first broke before they were
  /// acknowledged, or by the process before, which ended while they were on their way.
  ExportAmount resent;
  /// Now: sent, but the disk could not note it: the next start sends it again.
  ExportAmount unrecorded;
  ExportAmount lost_spool_full;
  ExportAmount lost_spool_age;
  /// `messages` also counts those that a crash left half written at the end of a file; they are in
  /// no other count, because what they carried is unknown.
  ExportAmount lost_spool_damaged;
  ExportAmount lost_stopped;
  ExportAmount lost_write_error;
  ExportAmount lost_uncertain;
  std::uint64_t spool_errors = 0;  ///< times the disk spool could not be used

  [[nodiscard]] std::uint64_t lost() const {
    return lost_would_block + lost_unresolved + lost_send_error + lost_spool_full.flows +
           lost_spool_age.flows + lost_spool_damaged.flows + lost_stopped.flows +
           lost_write_error.flows + lost_uncertain.flows;
  }
};

}  // namespace ctflow
