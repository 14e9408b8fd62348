// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/metrics_text.hpp"

#include <prometheus/text_serializer.h>

#include <sstream>

#include "observe/counter_metrics.hpp"
#include "observe/counter_names.hpp"
#include "observe/metric_families.hpp"
#include "observe/output_metrics.hpp"
#include "observe/problems.hpp"

namespace ctflow {
namespace {

using prometheus::MetricType;

void add_batches(Families& families, const BatchSizes& batches, const Labels& labels) {
  auto& histogram =
      families
          .add("ctflowd_netlink_batch_datagrams", "Datagrams taken from the event socket at once",
               MetricType::Histogram, labels)
          .histogram;
  std::uint64_t cumulated = 0;
  for (std::size_t i = 0; i < BatchSizes::kBounds.size(); ++i) {
    cumulated += batches.counts[i];
    histogram.bucket.push_back({cumulated, static_cast<double>(BatchSizes::kBounds[i])});
  }
  histogram.sample_count = batches.readings;
  histogram.sample_sum = static_cast<double>(batches.datagrams);
}

void add_kernel(Families& families, const NamespaceStatus& one, const Labels& labels) {
  const EventQueueStatus& queue = one.kernel.queue;
  families.gauge("ctflowd_receive_buffer_bytes", "Size of the event socket's receive buffer",
                 queue.limit, labels);
  families.gauge("ctflowd_receive_buffer_used_bytes", "Bytes queued in the event socket",
                 queue.used, labels);
  families.gauge("ctflowd_receive_buffer_most_used_bytes", "Most bytes queued so far",
                 queue.most_used, labels);
  families.counter("ctflowd_netlink_drops_total",
                   "Datagrams dropped at the event socket, counted by the kernel", queue.dropped,
                   labels);
  add_batches(families, queue.batches, labels);
  const ScanStatus& scans = one.kernel.scans;
  const char* help = "Scans of the connection table";
  families.counter("ctflowd_table_scans_total", help, scans.complete,
                   with(labels, "result", "complete"));
  families.counter("ctflowd_table_scans_total", help, scans.incomplete,
                   with(labels, "result", "incomplete"));
  families.gauge("ctflowd_table_scan_duration_seconds",
                 "Duration of the last scan, which is spread over half of the active timeout",
                 std::chrono::duration<double>(scans.last_lasted).count(), labels);
  families.gauge("ctflowd_table_scan_entries", "Entries read by the last scan", scans.last_entries,
                 labels);
  const ReportedStatus& reported = one.kernel.reported;
  families.gauge("ctflowd_reported_connections",
                 "Connections in the table that have had an interim report", reported.connections,
                 labels);
  families.gauge("ctflowd_reported_connections_limit", "source.live_connections", reported.limit,
                 labels);
  families.gauge("ctflowd_reported_connections_bytes", "Memory used for reported connections",
                 reported.octets, labels);
  families.gauge("ctflowd_conntrack_entries", "Entries in the connection table", one.table_entries,
                 labels);
  families.gauge("ctflowd_conntrack_entries_limit", "nf_conntrack_max", one.table_limit, labels);
  families.gauge("ctflowd_measurement_origin", "1: who measures beside conntrack", 1,
                 with(labels, "origin", name_of(one.kernel.capabilities.origin)));
  families.gauge("ctflowd_measures_flowtables",
                 "1: packets that a flowtable forwards are measured, too",
                 one.kernel.capabilities.flowtables ? 1 : 0, labels);
  for (std::size_t i = 0; i < WindowedRates::kWindows.size(); ++i) {
    families.gauge("ctflowd_events_per_second", "Conntrack events per second",
                   one.rates.per_second[i],
                   with(labels, "window", std::to_string(WindowedRates::kWindows[i]) + "s"));
  }
}

void add_routing(Families& families, const RoutingStatus& routing, const Labels& labels) {
  add_counters(families, "ctflowd_routing_", routing.counters, kRoutingCounters, {}, labels);
  families.gauge("ctflowd_routing_routes", "Routes in the copy of the kernel's routing tables",
                 routing.routes, labels);
  families.gauge("ctflowd_routing_rules", "Policy rules in the copy of the kernel's routing tables",
                 routing.rules, labels);
  families.gauge("ctflowd_routing_bytes", "Memory used for the copy of the kernel's routing tables",
                 routing.octets, labels);
}

void add_namespace(Families& families, const NamespaceStatus& one) {
  const Labels labels{{"namespace", one.name}};
  const char* lost = "Events and flow reports lost before any output";
  const char* ends = "End times by origin";
  add_counters(families, "ctflowd_source_", one.source, kSourceCounters,
               {{"lost_", "ctflowd_lost_total", lost, "reason"},
                {"end_from_", "ctflowd_end_times_total", ends, "from"}},
               labels);
  add_counters(families, "ctflowd_", one.pipeline, kPipelineCounters,
               {{"lost_", "ctflowd_lost_total", lost, "reason"}}, labels);
  const char* found =
      "Interfaces by origin, two for each flow report or NAT event: the initiator's side and the "
      "responder's";
  add_counters(families, "ctflowd_interfaces_", one.interfaces, kInterfaceCounters,
               {{"from_", "ctflowd_interfaces_total", found, "from", {}, "unknown"}}, labels);
  add_kernel(families, one, labels);
  if (one.routing) add_routing(families, *one.routing, labels);
  for (const OutputStatus& output : one.outputs) add_output(families, output, labels);
  for (const GroupStatus& group : one.groups) {
    families.counter("ctflowd_group_switches_total",
                     "Times that a group changed the collector in use", group.switches,
                     with(labels, "group", group.name));
  }
}

void add_database(Families& families, const DatabaseStatus& one) {
  const Labels labels{{"database", one.setting}};
  const char* help = "Times that a database of networks was read";
  families.counter("ctflowd_database_loads_total", help, one.loads,
                   with(labels, "result", "success"));
  families.counter("ctflowd_database_loads_total", help, one.failures,
                   with(labels, "result", "failure"));
  families.gauge("ctflowd_database_last_load_successful",
                 "0 if the file of the database could not be used when it last changed",
                 one.error.empty() ? 1 : 0, labels);
  if (one.type.empty()) return;
  families.gauge("ctflowd_database_built_timestamp_seconds",
                 "When the database that is in use was made, as it says",
                 one.built.time_since_epoch().count(), labels);
}

void add_process(Families& families, const Status& status) {
  families.gauge("ctflowd_build_info", "1, labelled with version and compiler", 1,
                 {{"version", status.version}, {"compiler", status.compiler}});
  families.gauge("ctflowd_start_time_seconds", "Start time of ctflowd since the Unix epoch",
                 epoch_seconds(status.started), {});
  const char* help = "Configuration reloads";
  families.counter("ctflowd_reloads_total", help, status.reloads.succeeded,
                   {{"result", "success"}});
  families.counter("ctflowd_reloads_total", help, status.reloads.failed, {{"result", "failure"}});
  families.gauge("ctflowd_last_reload_successful", "0 if the last configuration reload failed",
                 status.reloads.last_succeeded ? 1 : 0, {});
  families.gauge("ctflowd_last_reload_timestamp_seconds",
                 "Time of the last configuration reload, 0 before the first",
                 epoch_seconds(status.reloads.last), {});
  families.gauge("ctflowd_namespaces_missing", "Configured network namespaces that are not open",
                 status.missing_namespaces.size(), {});
  families.gauge("ctflowd_problems", "Problems that ctflowd status reports now",
                 find_problems(status).size(), {});
}

}  // namespace

std::string metrics_text(const Status& status) {
  Families families;
  add_process(families, status);
  for (const DatabaseStatus& one : status.databases) add_database(families, one);
  for (const NamespaceStatus& one : status.namespaces) add_namespace(families, one);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families.all());
  return out.str();
}

}  // namespace ctflow
