// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/metrics_text.hpp"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "findings/certificate_expiry.hpp"
#include "observe/collector_problems.hpp"
#include "observe/counter_names.hpp"
#include "observe/metric_families.hpp"
#include "observe/problems.hpp"

namespace ctflow {
namespace {

using prometheus::MetricType;

double epoch_seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// Prometheus wants base units with one name: a counter of octets is a metric of bytes.
std::string in_bytes(std::string_view name) {
  constexpr std::string_view kOctets = "octets";
  std::string metric(name);
  if (name.size() >= kOctets.size() && name.substr(name.size() - kOctets.size()) == kOctets) {
    metric.replace(name.size() - kOctets.size(), kOctets.size(), "bytes");
  }
  return metric;
}

/// Counters whose name begins like one of these are one family with a label: the rest of the name.
struct Split {
  std::string_view prefix;
  const char* family;
  const char* help;
  const char* label;
  std::vector<std::string_view> except{};  ///< names that begin like it and do not belong to it
  std::string_view also{};  ///< a name that belongs to it and is the label as a whole
};

bool applies(const Split& split, std::string_view name) {
  if (name == split.also) return true;
  return name.substr(0, split.prefix.size()) == split.prefix &&
         std::find(split.except.begin(), split.except.end(), name) == split.except.end();
}

std::string label_of(const Split& split, std::string_view name) {
  return std::string(name == split.also ? name : name.substr(split.prefix.size()));
}

template <typename Counters, typename Table>
void add_counters(Families& families, const std::string& prefix, const Counters& counters,
                  const Table& table, const std::vector<Split>& splits, const Labels& labels) {
  for (const auto& one : table) {
    const std::string_view name = one.name;
    const auto split = std::find_if(splits.begin(), splits.end(), [name](const Split& candidate) {
      return applies(candidate, name);
    });
    if (split != splits.end()) {
      families.counter(split->family, split->help, counters.*one.member,
                       with(labels, split->label, label_of(*split, name)));
    } else {
      families.counter(prefix + in_bytes(name) + "_total", one.help, counters.*one.member, labels);
    }
  }
}

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

/// Lost flow reports by reason; what waits, was recovered and sent twice in all terms.
void add_amounts(Families& families, const ExporterCounters& counters, const Split& losses,
                 const std::string& prefix, const Labels& labels) {
  for (const AmountName& one : kExporterAmounts) {
    const ExportAmount& amount = counters.*one.member;
    const std::string_view name = one.name;
    if (applies(losses, name)) {
      families.counter(losses.family, losses.help, amount.flows,
                       with(labels, losses.label, label_of(losses, name)));
      continue;
    }
    for (const auto& part : kAmountCounters) {
      const std::string family = fmt::format("{}{}_{}", prefix, name, in_bytes(part.name));
      const std::string help = fmt::format("{}: {}", one.help, part.help);
      const std::uint64_t value = amount.*part.member;
      if (name == "waiting" || name == "unrecorded") {
        families.gauge(family, help, value, labels);
      } else {
        families.counter(family + "_total", help, value, labels);
      }
    }
  }
}

void add_backlog(Families& families, const OutputStatus& one, const Labels& labels) {
  const Backlog& backlog = *one.backlog;
  const Labels in_memory = with(labels, "where", "memory");
  const Labels on_disk = with(labels, "where", "disk");
  const char* used = "Bytes of waiting messages, those not acknowledged yet included";
  families.gauge("ctflowd_collector_spool_bytes", used, backlog.memory, in_memory);
  families.gauge("ctflowd_collector_spool_bytes", used, backlog.disk, on_disk);
  const char* limit = "spool.memory and spool.size; 0 without spool.directory";
  families.gauge("ctflowd_collector_spool_limit_bytes", limit, backlog.memory_limit, in_memory);
  families.gauge("ctflowd_collector_spool_limit_bytes", limit, backlog.disk_limit, on_disk);
  families.gauge("ctflowd_collector_oldest_waiting_seconds",
                 "Age of the oldest waiting message, 0 if none waits",
                 one.oldest_waiting ? one.oldest_waiting->count() : 0, labels);
}

/// What filters left out, by rule: counters of the ledger have the sums. And the last message.
void add_shared(Families& families, const std::string& prefix, const OutputStatus& one,
                const Labels& labels) {
  for (const FilteredByRule& rule : one.filtered_by_rule) {
    const Labels of_rule = with(labels, "rule", rule.rule);
    families.counter(prefix + "rule_filtered_total",
                     "Flow reports that a rule of the filter left out", rule.amount.flows, of_rule);
    families.counter(prefix + "rule_filtered_packets_total",
                     "Packets that a rule of the filter left out", rule.amount.packets, of_rule);
    families.counter(prefix + "rule_filtered_bytes_total",
                     "Octets that a rule of the filter left out", rule.amount.octets, of_rule);
  }
  if (!one.last_message) return;  // an alert on its age would begin in 1970
  families.gauge(prefix + "last_message_timestamp_seconds", "When a message was sent last",
                 epoch_seconds(one.last_message_time), labels);
}

void add_collector(Families& families, const OutputStatus& one, const Labels& of_namespace) {
  const Labels labels = with(of_namespace, "collector", one.name);
  const Split losses{"lost_",
                     "ctflowd_collector_lost_total",
                     "Flow reports that could not be sent",
                     "reason",
                     {"lost_messages", "lost_records", "lost_packets", "lost_octets"}};
  add_counters(families, "ctflowd_collector_", one.counters, kExporterCounters, {losses}, labels);
  add_amounts(families, one.counters, losses, "ctflowd_collector_", labels);
  add_shared(families, "ctflowd_collector_", one, labels);
  families.counter("ctflowd_collector_refusals_total",
                   "Answers of the collector's host that the port is closed",
                   one.collector->refusals, labels);
  families.gauge("ctflowd_collector_healthy",
                 "1 if the collector is used, 0 if its group passes it over", one.healthy ? 1 : 0,
                 labels);
  for (const CertificateStatus& each : one.collector->certificates) {
    families.gauge("ctflowd_collector_certificate_expiry_timestamp_seconds",
                   "When the first certificate of that end of the TLS connection expires",
                   epoch_seconds(each.certificate.expires),
                   with(labels, "certificate", name_of(each.certificate.owner)));
  }
  if (one.backlog) add_backlog(families, one, labels);
  const CollectorState now = state_of(one);
  for (const auto state :
       {CollectorState::kOk, CollectorState::kUnresolved, CollectorState::kUnreachable,
        CollectorState::kRefused, CollectorState::kLossy}) {
    families.gauge("ctflowd_collector_state", "1 for the current state of the collector",
                   now == state ? 1 : 0, with(labels, "state", name_of(state)));
  }
}

void add_connection_log(Families& families, const OutputStatus& one, const Labels& of_namespace) {
  const Labels labels = with(of_namespace, "log", one.name);
  const Split losses{"lost_",
                     "ctflowd_connection_log_lost_total",
                     "Lines that could not be written",
                     "reason",
                     {"lost_messages", "lost_records", "lost_packets", "lost_octets"}};
  const std::string prefix = "ctflowd_connection_log_";
  add_counters(families, prefix, one.counters, kExporterCounters, {losses}, labels);
  add_amounts(families, one.counters, losses, prefix, labels);
  add_shared(families, prefix, one, labels);
  families.gauge(prefix + "up", "1 if lines can be written, by the last attempt",
                 one.connected ? 1 : 0, labels);
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
  const char* lost = "Events and flow reports lost before any collector";
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
    if (output.collector) add_collector(families, output, labels);
    if (output.log) add_connection_log(families, output, labels);
    if (output.nat_log && output.nat_log->maps) {
      families.counter("ctflowd_nat_log_followed_map_total",
                       "Translations that are not stored because they follow a static map",
                       output.nat_log->maps->followed, labels);
    }
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
