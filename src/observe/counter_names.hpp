// SPDX-License-Identifier: GPL-2.0-or-later
// Every counter of the ledger by name and meaning. Log, status and metrics are made from these
// tables, so that none of them can leave a counter out.
#pragma once

#include <array>

#include "ctflow/counters.hpp"

namespace ctflow {

template <typename Counters>
struct CounterName {
  const char* name;  ///< in the totals of the log and in the JSON status; metrics derive theirs
  const char* help;  ///< a sentence without its full stop
  std::uint64_t Counters::*member;
};

/// Compiles only when every member has a line: add a new counter to its table here.
/// `kOthers`: octets of members that are in another table.
template <typename Counters, std::size_t kOthers = 0, std::size_t kCount>
constexpr std::array<CounterName<Counters>, kCount> all_counters(
    const CounterName<Counters> (&names)[kCount]) {
  static_assert(sizeof(Counters) == kCount * sizeof(std::uint64_t) + kOthers,
                "a counter of this struct has no line in its table");
  std::array<CounterName<Counters>, kCount> result{};
  for (std::size_t i = 0; i < kCount; ++i) result[i] = names[i];
  return result;
}

inline constexpr auto kSourceCounters = all_counters<SourceCounters>({
    {"messages", "Netlink messages read", &SourceCounters::messages},
    {"ended", "Connections removed from the table (DESTROY events)", &SourceCounters::ended},
    {"reports", "Interim reports sent by a patched kernel or eBPF programs",
     &SourceCounters::reports},
    {"filtered",
     "Events and scanned entries that the configuration leaves out (zones, source.filter, "
     "source.own_traffic)",
     &SourceCounters::filtered},
    {"created",
     "Connections created (NEW events, or known by their ends), counted where an output takes NAT "
     "events",
     &SourceCounters::created},
    {"already_reported", "Removed connections with nothing left to export after interim reports",
     &SourceCounters::already_reported},
    {"ended_empty", "Removed connections without a packet", &SourceCounters::ended_empty},
    {"repeated", "Events that the kernel sent again", &SourceCounters::repeated},
    {"repeats_unknown",
     "Removed connections forgotten while the kernel might send their event again",
     &SourceCounters::repeats_unknown},
    {"counters_fell", "Connections whose counters another program set to zero",
     &SourceCounters::counters_fell},
    {"fallen_packets", "Packets seen in counters before these were set to zero, not exported",
     &SourceCounters::fallen_packets},
    {"reports_skipped", "Interim reports sent by the kernel with nothing new to export",
     &SourceCounters::reports_skipped},
    {"entries", "Table entries read by scans", &SourceCounters::entries},
    {"entries_skipped", "Scanned entries that were not due or had nothing new",
     &SourceCounters::entries_skipped},
    {"no_room", "Interim reports not made because source.live_connections was reached",
     &SourceCounters::no_room},
    {"existing_adopted", "Existing connections whose traffic before the start is not exported",
     &SourceCounters::existing_adopted},
    {"ignored_packets", "Packets counted before ctflowd started that are not exported",
     &SourceCounters::ignored_packets},
    {"ignored_octets", "Octets counted before ctflowd started that are not exported",
     &SourceCounters::ignored_octets},
    {"existing_skipped", "Existing connections removed before the first scan reached them",
     &SourceCounters::existing_skipped},
    {"reconciled", "Reported connections missing from the table without a DESTROY event",
     &SourceCounters::reconciled},
    {"ignored", "Netlink messages of other types", &SourceCounters::ignored},
    {"malformed", "Netlink messages that could not be decoded", &SourceCounters::malformed},
    {"foreign", "Datagrams that the kernel did not send", &SourceCounters::foreign},
    {"overruns", "Overruns of the receive buffer (ENOBUFS) or of the ring buffer",
     &SourceCounters::overruns},
    {"lost_overrun", "Events dropped by the kernel because the receive buffer was full",
     &SourceCounters::lost_overrun},
    {"lost_ends", "Records of removed connections that found no room in the ring buffer",
     &SourceCounters::lost_ends},
    {"lost_beginnings", "Records of created connections that found no room in the ring buffer",
     &SourceCounters::lost_beginnings},
    {"delayed_reports",
     "Interim reports that found no room in the ring buffer; the next report has their content",
     &SourceCounters::delayed_reports},
    {"unmeasured", "Connections that found no room in the map of the eBPF programs",
     &SourceCounters::unmeasured},
    {"unmeasured_packets",
     "Packets that interrupted the measuring program and are in no counter of the wire, of all "
     "network namespaces that it measures",
     &SourceCounters::unmeasured_packets},
    {"retried", "Times an event found the receive buffer full and the kernel kept it",
     &SourceCounters::retried},
    {"end_from_packets", "End times from measured packet times", &SourceCounters::end_from_packets},
    {"end_from_dump", "End times bounded by scans of the table", &SourceCounters::end_from_dump},
    {"end_from_timeout", "End times computed from the kernel's stop time and the timeout",
     &SourceCounters::end_from_timeout},
    {"end_from_event", "End times taken from the time of the event",
     &SourceCounters::end_from_event},
    {"end_ambiguous", "End times that several timeouts of the kernel would explain",
     &SourceCounters::end_ambiguous},
    {"end_unexplained", "End times that no timeout of the kernel explains",
     &SourceCounters::end_unexplained},
});

inline constexpr auto kPipelineCounters = all_counters<PipelineCounters>({
    {"exported", "Flow reports with counters passed to the outputs", &PipelineCounters::exported},
    {"lost_no_counters", "Flow reports not exported because the kernel did not count",
     &PipelineCounters::lost_no_counters},
    {"nat_events", "Events without counters passed to outputs of NAT events",
     &PipelineCounters::nat_events},
});

inline constexpr auto kInterfaceCounters = all_counters<InterfaceCounters>({
    {"from_kernel", "Interfaces measured in the kernel", &InterfaceCounters::from_kernel},
    {"from_routes", "Interfaces found by routes", &InterfaceCounters::from_routes},
    {"from_settings", "Interfaces taken from the configuration", &InterfaceCounters::from_settings},
    {"unknown", "Interfaces not found", &InterfaceCounters::unknown},
    {"undecided", "Flow reports for which a routing rule matches on packet fields",
     &InterfaceCounters::undecided},
    {"contradicted", "Flow reports whose route and translated address name different interfaces",
     &InterfaceCounters::contradicted},
    {"forgotten", "Flow reports older than the route changes that are remembered",
     &InterfaceCounters::forgotten},
});

inline constexpr auto kRoutingCounters = all_counters<RoutingCounters>({
    {"changes", "Changes of the kernel's routing that were followed", &RoutingCounters::changes},
    {"resyncs", "Times that all routes were read again", &RoutingCounters::resyncs},
    {"malformed", "Routing messages that could not be decoded", &RoutingCounters::malformed},
    {"foreign", "Routing datagrams that the kernel did not send", &RoutingCounters::foreign},
    {"overruns", "Times that the kernel dropped routing messages", &RoutingCounters::overruns},
    {"forgotten", "Route changes forgotten early because there were too many",
     &RoutingCounters::forgotten},
});

inline constexpr auto kAmountCounters = all_counters<ExportAmount>({
    {"messages", "messages", &ExportAmount::messages},
    {"flows", "flow reports", &ExportAmount::flows},
    {"records", "Flow Records, lines or rows", &ExportAmount::records},
    {"packets", "sum of packetDeltaCount", &ExportAmount::packets},
    {"octets", "sum of octetDeltaCount", &ExportAmount::octets},
});

/// What became of messages that a transport keeps, in each term of kAmountCounters.
struct AmountName {
  const char* name;
  const char* help;
  ExportAmount ExporterCounters::*member;
};

inline constexpr std::array kExporterAmounts{
    AmountName{"waiting", "Waiting now, in memory or on disk", &ExporterCounters::waiting},
    AmountName{"recovered", "Found on disk at the start", &ExporterCounters::recovered},
    AmountName{"resent", "Possibly sent twice", &ExporterCounters::resent},
    AmountName{"unrecorded", "Sent but not marked as sent on disk: the next start sends it again",
               &ExporterCounters::unrecorded},
    AmountName{"lost_spool_full", "Lost to make room in the spool",
               &ExporterCounters::lost_spool_full},
    AmountName{"lost_spool_age",
               "Lost because it waited longer than spool.max_age, or message.timeout.ms of Kafka",
               &ExporterCounters::lost_spool_age},
    AmountName{"lost_spool_damaged", "Lost because the spool was unreadable",
               &ExporterCounters::lost_spool_damaged},
    AmountName{"lost_stopped", "Lost because ctflowd stopped while it waited in memory",
               &ExporterCounters::lost_stopped},
    AmountName{"lost_write_error", "Lost because a file could not be written",
               &ExporterCounters::lost_write_error},
    AmountName{"lost_uncertain", "Sent but never acknowledged: the receiver may have it",
               &ExporterCounters::lost_uncertain},
};

inline constexpr auto kExporterCounters =
    all_counters<ExporterCounters, kExporterAmounts.size() * sizeof(ExportAmount)>({
        {"offered", "Flow reports or NAT events that this output takes",
         &ExporterCounters::offered},
        {"filtered", "Flow reports or NAT events left out by the filter of this output",
         &ExporterCounters::filtered},
        {"filtered_packets", "Packets of flow reports left out by the filter of this output",
         &ExporterCounters::filtered_packets},
        {"filtered_octets", "Octets of flow reports left out by the filter of this output",
         &ExporterCounters::filtered_octets},
        {"unrepresentable", "Flow reports that the protocol has no records of (IPv6 in NetFlow v5)",
         &ExporterCounters::unrepresentable},
        {"unrepresentable_packets", "Packets of flow reports that the protocol has no records of",
         &ExporterCounters::unrepresentable_packets},
        {"unrepresentable_octets", "Octets of flow reports that the protocol has no records of",
         &ExporterCounters::unrepresentable_octets},
        {"messages", "Messages sent", &ExporterCounters::messages},
        {"flows", "Flow reports whose Flow Records were sent", &ExporterCounters::flows},
        {"records", "Flow Records, lines or rows sent", &ExporterCounters::records},
        {"packets", "Sum of packetDeltaCount sent", &ExporterCounters::packets},
        {"octets", "Sum of octetDeltaCount sent", &ExporterCounters::octets},
        {"message_octets", "Octets of the messages themselves", &ExporterCounters::message_octets},
        {"templates", "Template Records sent", &ExporterCounters::templates},
        {"option_records", "Options Data Records sent", &ExporterCounters::option_records},
        {"lost_messages", "Messages that could not be sent", &ExporterCounters::lost_messages},
        {"lost_would_block", "Flow reports lost because the send buffer was full",
         &ExporterCounters::lost_would_block},
        {"lost_unresolved", "Flow reports lost because the name of the host had no address",
         &ExporterCounters::lost_unresolved},
        {"lost_send_error", "Flow reports lost because of another send error",
         &ExporterCounters::lost_send_error},
        {"lost_records", "Flow Records, lines or rows that could not be sent",
         &ExporterCounters::lost_records},
        {"lost_packets", "Sum of packetDeltaCount that could not be sent",
         &ExporterCounters::lost_packets},
        {"lost_octets", "Sum of octetDeltaCount that could not be sent",
         &ExporterCounters::lost_octets},
        {"transport_sessions", "Transport Sessions begun: connections made, files begun",
         &ExporterCounters::transport_sessions},
        {"spool_errors", "Times that the disk spool could not be used",
         &ExporterCounters::spool_errors},
    });

}  // namespace ctflow
