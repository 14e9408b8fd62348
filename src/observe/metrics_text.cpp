// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/metrics_text.hpp"

#include <prometheus/text_serializer.h>

#include <map>
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
  for (const char* state : {"absent", "off", "on"}) {
    families.gauge("ctflowd_kernel_patch", "1 for the state of the kernel patch",
                   one.kernel_patch == state ? 1 : 0, with(labels, "state", state));
  }
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

/// The key is a label of its own name; of devices it is the MAC address, and the name is a label of
/// another metric, as it may change.
void add_usage(Families& families, const Usage& usage, const Labels& of_namespace) {
  const std::string prefix = "ctflowd_accounting_";
  const char* const by = word_of(usage.by);
  std::map<std::string, std::string> names;
  for (const UsageSeries& one : usage.series) {
    Labels labels = of_namespace;
    if (usage.by != AccountingKey::kDirection) labels.push_back({by, one.key});
    labels.push_back({"direction", one.direction});
    families.counter(prefix + "down_bytes_total", "Octets of layer 3 to hosts", one.down_octets,
                     labels);
    families.counter(prefix + "up_bytes_total", "Octets of layer 3 from hosts", one.up_octets,
                     labels);
    families.counter(prefix + "down_packets_total", "Packets to hosts", one.down_packets, labels);
    families.counter(prefix + "up_packets_total", "Packets from hosts", one.up_packets, labels);
    families.counter(prefix + "connections_total", "Connections, by their first report",
                     one.connections, labels);
    if (!one.name.empty()) names[one.key] = one.name;
  }
  for (const auto& [key, name] : names) {
    families.gauge(prefix + "device_info", "1, labelled with the name of a device", 1,
                   with(with(of_namespace, "device", key), "name", name));
  }
}

void add_quotas(Families& families, const std::vector<QuotaStatus>& quotas,
                const Labels& of_namespace) {
  for (const QuotaStatus& one : quotas) {
    const Labels labels = with(with(of_namespace, "by", word_of(one.by)), "name", one.name);
    families.gauge("ctflowd_accounting_quota_bytes", "Octets that a billing period may have",
                   one.quota, labels);
    if (!one.used) continue;  // an alert would take 0 for what was used
    families.gauge("ctflowd_accounting_quota_used_bytes",
                   "Octets from and to outside in the billing period that goes on", *one.used,
                   labels);
  }
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
      "Interfaces by origin, two for each flow report: the initiator's side and the responder's";
  add_counters(families, "ctflowd_interfaces_", one.interfaces, kInterfaceCounters,
               {{"from_", "ctflowd_interfaces_total", found, "from", {}, "unknown"}}, labels);
  add_kernel(families, one, labels);
  if (one.routing) add_routing(families, *one.routing, labels);
  for (const OutputStatus& output : one.outputs) {
    add_output(families, output, labels);
    if (output.accounting && output.accounting->usage) {
      add_usage(families, *output.accounting->usage, labels);
    }
    if (output.accounting) add_quotas(families, output.accounting->quotas, labels);
  }
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
