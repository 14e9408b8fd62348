// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/totals.hpp"

#include "log/log.hpp"

namespace ctflow {
namespace {

std::string in(const std::string& network_namespace) {
  return network_namespace.empty() ? "" : "namespace=" + network_namespace + " ";
}

void log_kept(const std::string& collector, const ExporterCounters& counters) {
  const auto log_one = [&](const char* what, const ExportAmount& carried) {
    if (carried.messages == 0) return;
    log::info(
        "kept_totals collector={} what={} messages={} flows={} records={} packets={} octets={}",
        collector, what, carried.messages, carried.flows, carried.records, carried.packets,
        carried.octets);
  };
  log::info("session_totals collector={} sessions={} spool_errors={}", collector, counters.sessions,
            counters.spool_errors);
  log_one("recovered", counters.recovered);
  log_one("waiting", counters.waiting);
  log_one("resent", counters.resent);
  log_one("unrecorded", counters.unrecorded);
  log_one("lost_spool_full", counters.lost_spool_full);
  log_one("lost_spool_age", counters.lost_spool_age);
  log_one("lost_spool_damaged", counters.lost_spool_damaged);
  log_one("lost_stopped", counters.lost_stopped);
  log_one("lost_write_error", counters.lost_write_error);
}

}  // namespace

void log_output_totals(const OutputStatus& output) {
  const ExporterCounters& counters = output.counters;
  if (!output.collector) {
    log::info("output_totals output={} offered={} flows={} packets={} octets={} lost={}",
              output.name, counters.offered, counters.flows, counters.packets, counters.octets,
              counters.lost());
    log_kept(output.name, counters);
    return;
  }
  log::info(
      "collector_totals collector={} offered={} messages={} flows={} records={} packets={} "
      "octets={} refusals={} lost_messages={} lost_would_block={} lost_unresolved={} "
      "lost_send_error={}",
      output.name, counters.offered, counters.messages, counters.flows, counters.records,
      counters.packets, counters.octets, output.collector->refusals, counters.lost_messages,
      counters.lost_would_block, counters.lost_unresolved, counters.lost_send_error);
  if (output.collector->transport != TransportKind::kUdp) log_kept(output.name, counters);
}

void log_interface_totals(const std::string& network_namespace, const InterfaceCounters& found,
                          const RoutingCounters& routing) {
  log::info(
      "interface_totals {}from_kernel={} from_routes={} from_settings={} unknown={} undecided={} "
      "contradicted={} forgotten={} route_changes={} route_resyncs={} route_overruns={} "
      "route_malformed={} route_foreign={} route_changes_forgotten={}",
      in(network_namespace), found.from_kernel, found.from_routes, found.from_settings,
      found.unknown, found.undecided, found.contradicted, found.forgotten, routing.changes,
      routing.resyncs, routing.overruns, routing.malformed, routing.foreign, routing.forgotten);
}

void log_source_totals(const std::string& network_namespace, const SourceCounters& source,
                       const PipelineCounters& pipeline) {
  log::info(
      "stopped {}created={} ended={} filtered={} already_reported={} ended_empty={} repeated={} "
      "repeats_unknown={} counters_fell={} fallen_packets={} reports={} reports_skipped={} "
      "entries={} "
      "entries_skipped={} no_room={} existing_adopted={} existing_skipped={} reconciled={} "
      "malformed={} foreign={} overruns={} lost_overrun={} retried={} exported={} "
      "lost_no_counters={} sessions={} end_from_packets={} end_from_dump={} end_from_timeout={} "
      "end_from_event={} end_ambiguous={} end_unexplained={}",
      in(network_namespace), source.created, source.ended, source.filtered, source.already_reported,
      source.ended_empty, source.repeated, source.repeats_unknown, source.counters_fell,
      source.fallen_packets, source.reports, source.reports_skipped, source.entries,
      source.entries_skipped, source.no_room, source.existing_adopted, source.existing_skipped,
      source.reconciled, source.malformed, source.foreign, source.overruns, source.lost_overrun,
      source.retried, pipeline.exported, pipeline.lost_no_counters, pipeline.sessions,
      source.end_from_packets, source.end_from_dump, source.end_from_timeout, source.end_from_event,
      source.end_ambiguous, source.end_unexplained);
}

bool log_whether_exported(const Status& status) {
  SourceCounters read;
  std::uint64_t handed_on = 0;
  std::uint64_t arrived = 0;
  std::uint64_t lost = 0;
  for (const NamespaceStatus& one : status.namespaces) {
    read.messages += one.source.messages;
    read.malformed += one.source.malformed;
    read.ignored += one.source.ignored;
    handed_on += one.pipeline.exported + one.pipeline.sessions;
    for (const OutputStatus& output : one.outputs) {
      arrived += output.counters.flows + output.counters.waiting.flows;
      lost += output.counters.lost();
    }
  }
  if (read.messages + read.malformed == 0 || arrived > 0) return true;
  const char* impact = "no record came to a collector";
  if (lost > 0) {
    impact = "no collector could be reached";
  } else if (handed_on > 0) {
    impact = "the collectors' profiles have no records of these events";
  } else if (read.malformed >= read.messages) {
    impact = "none of the messages could be decoded";
  }
  log::error("nothing_exported messages={} malformed={} ignored={} flows={} lost={} impact={}",
             read.messages, read.malformed, read.ignored, handed_on, lost, log::quoted(impact));
  return false;
}

}  // namespace ctflow
