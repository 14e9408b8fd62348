// SPDX-License-Identifier: GPL-2.0-or-later
// Every counter of the ledger by name, so that no way of telling it can leave one out.
#pragma once

#include <array>

#include "ctflow/counters.hpp"

namespace ctflow {

template <typename Counters>
struct CounterName {
  const char* name;  ///< as in the totals of the log
  const char* help;  ///< a sentence without its full stop
  std::uint64_t Counters::*member;
};

/// Compiles only when every member is named: a counter that is new belongs into its table here.
/// `kOthers`: octets of members that are named in another table.
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
    {"ended", "Connections that ended", &SourceCounters::ended},
    {"reports", "Reports of living connections by a patched kernel", &SourceCounters::reports},
    {"filtered",
     "Of all that was read: connections that are not exported by the configuration (zones, "
     "source.filter, source.own_traffic)",
     &SourceCounters::filtered},
    {"created", "Connections that began, where a collector wants to know",
     &SourceCounters::created},
    {"already_reported", "Connections that ended with nothing left to export",
     &SourceCounters::already_reported},
    {"ended_empty", "Connections that ended without a packet", &SourceCounters::ended_empty},
    {"repeated", "Events that the kernel sent again", &SourceCounters::repeated},
    {"repeats_unknown", "Ends that were forgotten while the kernel might send them again",
     &SourceCounters::repeats_unknown},
    {"counters_fell", "Connections whose counters another program set to zero",
     &SourceCounters::counters_fell},
    {"fallen_packets", "Packets seen in those counters that are not exported",
     &SourceCounters::fallen_packets},
    {"reports_skipped", "Reports with nothing to export", &SourceCounters::reports_skipped},
    {"entries", "Living connections met in passes over the table", &SourceCounters::entries},
    {"entries_skipped", "Entries that were not due or had nothing new",
     &SourceCounters::entries_skipped},
    {"no_room", "Skipped reports and entries of connections that could not be remembered",
     &SourceCounters::no_room},
    {"existing_adopted", "Connections at the start whose past is not exported",
     &SourceCounters::existing_adopted},
    {"ignored_packets", "Packets of connections at the start that are not exported",
     &SourceCounters::ignored_packets},
    {"ignored_octets", "Octets of connections at the start that are not exported",
     &SourceCounters::ignored_octets},
    {"existing_skipped", "Connections at the start that ended before they were adopted",
     &SourceCounters::existing_skipped},
    {"reconciled", "Connections that vanished from the table without an event",
     &SourceCounters::reconciled},
    {"ignored", "Netlink messages of another kind", &SourceCounters::ignored},
    {"malformed", "Netlink messages that could not be decoded", &SourceCounters::malformed},
    {"foreign", "Datagrams that the kernel did not send", &SourceCounters::foreign},
    {"overruns", "Times that the kernel began to drop events", &SourceCounters::overruns},
    {"lost_overrun", "Events that the kernel dropped", &SourceCounters::lost_overrun},
    {"retried", "Times that an event found no room and was kept for later",
     &SourceCounters::retried},
    {"end_from_packets", "End times told by a patched kernel", &SourceCounters::end_from_packets},
    {"end_from_dump", "End times bounded by passes over the table", &SourceCounters::end_from_dump},
    {"end_from_timeout", "End times from the kernel's stop time and timeout",
     &SourceCounters::end_from_timeout},
    {"end_from_event", "End times taken from the event", &SourceCounters::end_from_event},
    {"end_ambiguous", "End times that several timeouts of the kernel would explain",
     &SourceCounters::end_ambiguous},
    {"end_unexplained", "End times that no timeout of the kernel explains",
     &SourceCounters::end_unexplained},
});

inline constexpr auto kPipelineCounters = all_counters<PipelineCounters>({
    {"exported", "Flows handed to the collectors", &PipelineCounters::exported},
    {"lost_no_counters", "Flows lost because the kernel did not count them",
     &PipelineCounters::lost_no_counters},
    {"sessions", "Events without counters for collectors of NAT events",
     &PipelineCounters::sessions},
});

inline constexpr auto kInterfaceCounters = all_counters<InterfaceCounters>({
    {"from_kernel", "Interfaces told by a patched kernel", &InterfaceCounters::from_kernel},
    {"from_routes", "Interfaces found by routes", &InterfaceCounters::from_routes},
    {"from_settings", "Interfaces taken from the configuration", &InterfaceCounters::from_settings},
    {"unknown", "Interfaces that are unknown", &InterfaceCounters::unknown},
    {"undecided", "Flows for which a routing rule needs the packet", &InterfaceCounters::undecided},
    {"contradicted", "Flows whose route and translated address name different interfaces",
     &InterfaceCounters::contradicted},
    {"forgotten", "Flows that ended before the changes of routes that are remembered",
     &InterfaceCounters::forgotten},
});

inline constexpr auto kRoutingCounters = all_counters<RoutingCounters>({
    {"changes", "Changes of the kernel's routing that were followed", &RoutingCounters::changes},
    {"resyncs", "Times that all routes were read again", &RoutingCounters::resyncs},
    {"malformed", "Messages about routes that could not be decoded", &RoutingCounters::malformed},
    {"foreign", "Datagrams about routes that the kernel did not send", &RoutingCounters::foreign},
    {"overruns", "Times that changes of routes were dropped", &RoutingCounters::overruns},
    {"forgotten", "Changes of routes that were forgotten early, because there were too many",
     &RoutingCounters::forgotten},
});

inline constexpr auto kCarried = all_counters<ExportAmount>({
    {"messages", "messages", &ExportAmount::messages},
    {"flows", "connections", &ExportAmount::flows},
    {"records", "flow records", &ExportAmount::records},
    {"packets", "packets", &ExportAmount::packets},
    {"octets", "octets", &ExportAmount::octets},
});

/// What became of messages that a transport keeps; in messages, connections and so on (kCarried).
struct CarriedName {
  const char* name;
  const char* help;
  ExportAmount ExporterCounters::*member;
};

inline constexpr std::array kExporterCarried{
    CarriedName{"waiting", "Waits now, in memory or on disk", &ExporterCounters::waiting},
    CarriedName{"recovered", "Found on disk at the start", &ExporterCounters::recovered},
    CarriedName{"resent", "May have left this host twice", &ExporterCounters::resent},
    CarriedName{"unrecorded", "Sent, but the disk could not note it: sent again by the next start",
                &ExporterCounters::unrecorded},
    CarriedName{"lost_spool_full", "Lost to make room in the spool",
                &ExporterCounters::lost_spool_full},
    CarriedName{"lost_spool_age", "Lost because it waited too long",
                &ExporterCounters::lost_spool_age},
    CarriedName{"lost_spool_damaged", "Lost because the spool was unreadable",
                &ExporterCounters::lost_spool_damaged},
    CarriedName{"lost_stopped", "Lost because ctflowd stopped while it waited in memory",
                &ExporterCounters::lost_stopped},
    CarriedName{"lost_write_error", "Lost because a file could not be written",
                &ExporterCounters::lost_write_error},
};

inline constexpr auto kExporterCounters =
    all_counters<ExporterCounters, kExporterCarried.size() * sizeof(ExportAmount)>({
        {"offered", "Connections that the collector's profile has records of",
         &ExporterCounters::offered},
        {"messages", "Messages sent", &ExporterCounters::messages},
        {"flows", "Connections whose records were sent", &ExporterCounters::flows},
        {"records", "Flow records sent", &ExporterCounters::records},
        {"packets", "Sum of packetDeltaCount sent", &ExporterCounters::packets},
        {"octets", "Sum of octetDeltaCount sent", &ExporterCounters::octets},
        {"message_octets", "Octets of the messages themselves", &ExporterCounters::message_octets},
        {"templates", "Templates sent", &ExporterCounters::templates},
        {"option_records", "Options records sent", &ExporterCounters::option_records},
        {"lost_messages", "Messages that could not be sent", &ExporterCounters::lost_messages},
        {"lost_would_block", "Connections lost because the send buffer was full",
         &ExporterCounters::lost_would_block},
        {"lost_unresolved", "Connections lost because the name had no address",
         &ExporterCounters::lost_unresolved},
        {"lost_send_error", "Connections lost because of another error",
         &ExporterCounters::lost_send_error},
        {"lost_records", "Flow records that could not be sent", &ExporterCounters::lost_records},
        {"lost_packets", "Sum of packetDeltaCount that could not be sent",
         &ExporterCounters::lost_packets},
        {"lost_octets", "Sum of octetDeltaCount that could not be sent",
         &ExporterCounters::lost_octets},
        {"sessions", "Connections made or files begun", &ExporterCounters::sessions},
        {"spool_errors", "Times that the disk spool could not be used",
         &ExporterCounters::spool_errors},
    });

}  // namespace ctflow
