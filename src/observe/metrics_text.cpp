// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/metrics_text.hpp"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "observe/collector_problems.hpp"
#include "observe/counter_names.hpp"
#include "observe/problems.hpp"

namespace ctflow {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

/// Families by name, in the order in which they were first named.
class Families {
 public:
  ClientMetric& add(const std::string& name, const std::string& help, MetricType type,
                    Labels labels) {
    const auto [place, is_new] = index_.emplace(name, families_.size());
    if (is_new) families_.push_back({name, help, type, {}});
    ClientMetric& metric = families_[place->second].metric.emplace_back();
    metric.label = std::move(labels);
    return metric;
  }

  template <typename Number>
  void counter(const std::string& name, const std::string& help, Number value, Labels labels) {
    add(name, help, MetricType::Counter, std::move(labels)).counter.value =
        static_cast<double>(value);
  }
  template <typename Number>
  void gauge(const std::string& name, const std::string& help, Number value, Labels labels) {
    add(name, help, MetricType::Gauge, std::move(labels)).gauge.value = static_cast<double>(value);
  }

  [[nodiscard]] const std::vector<MetricFamily>& all() const { return families_; }

 private:
  std::vector<MetricFamily> families_;
  std::map<std::string, std::size_t> index_;
};

Labels with(Labels labels, const char* name, std::string value) {
  labels.push_back({name, std::move(value)});
  return labels;
}

/// Counters whose name begins like one of these are one family with a label: the rest of the name.
struct Split {
  std::string_view prefix;
  const char* family;
  const char* help;
  const char* label;
  std::vector<std::string_view> except{};  ///< names that only look like it
};

bool applies(const Split& split, std::string_view name) {
  return name.substr(0, split.prefix.size()) == split.prefix &&
         std::find(split.except.begin(), split.except.end(), name) == split.except.end();
}

template <typename Counters, typename Table>
void add_counters(Families& families, const std::string& prefix, const Counters& counters,
                  const Table& table, const std::vector<Split>& splits, const Labels& labels) {
  for (const auto& one : table) {
    const std::string_view name = one.name;
    const Split* split = nullptr;
    for (const Split& candidate : splits) {
      if (applies(candidate, name)) split = &candidate;
    }
    if (split != nullptr) {
      families.counter(split->family, split->help, counters.*one.member,
                       with(labels, split->label, std::string(name.substr(split->prefix.size()))));
    } else {
      families.counter(prefix + one.name + "_total", one.help, counters.*one.member, labels);
    }
  }
}

void add_batches(Families& families, const BatchSizes& batches, const Labels& labels) {
  auto& histogram = families
                        .add("ctflowd_netlink_batch_datagrams",
                             "Datagrams that one reading of the event socket brought",
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
  families.gauge("ctflowd_receive_buffer_bytes", "Receive buffer of the event socket", queue.limit,
                 labels);
  families.gauge("ctflowd_receive_buffer_used_bytes", "Of it, what waits to be read", queue.used,
                 labels);
  families.gauge("ctflowd_receive_buffer_most_used_bytes", "The most that waited so far",
                 queue.most_used, labels);
  families.counter("ctflowd_netlink_drops_total",
                   "Datagrams without room at the event socket, by the kernel's count",
                   queue.dropped, labels);
  add_batches(families, queue.batches, labels);
  const PassStatus& passes = one.kernel.passes;
  const char* help = "Passes over the connection table";
  families.counter("ctflowd_table_passes_total", help, passes.complete,
                   with(labels, "result", "complete"));
  families.counter("ctflowd_table_passes_total", help, passes.incomplete,
                   with(labels, "result", "incomplete"));
  families.gauge("ctflowd_table_pass_duration_seconds",
                 "How long the last pass took; it is slow on purpose",
                 std::chrono::duration<double>(passes.last_lasted).count(), labels);
  families.gauge("ctflowd_table_pass_entries", "Entries that the last pass met",
                 passes.last_entries, labels);
  const RememberedStatus& remembered = one.kernel.remembered;
  families.gauge("ctflowd_remembered_connections",
                 "Living connections whose reports are remembered", remembered.connections, labels);
  families.gauge("ctflowd_remembered_connections_limit", "source.live_connections",
                 remembered.limit, labels);
  families.gauge("ctflowd_remembered_bytes", "Memory of what is remembered", remembered.octets,
                 labels);
  families.gauge("ctflowd_conntrack_entries", "Entries of the kernel's connection table",
                 one.table_entries, labels);
  families.gauge("ctflowd_conntrack_entries_limit", "nf_conntrack_max", one.table_limit, labels);
  for (const char* state : {"absent", "off", "on"}) {
    families.gauge("ctflowd_kernel_patch", "Whether the kernel measures flows itself",
                   one.kernel_patch == state ? 1 : 0, with(labels, "state", state));
  }
  for (std::size_t i = 0; i < EventRates::kWindows.size(); ++i) {
    families.gauge("ctflowd_events_per_second", "Events of connections a second",
                   one.rates.per_second[i],
                   with(labels, "window", std::to_string(EventRates::kWindows[i]) + "s"));
  }
}

void add_routing(Families& families, const RoutingStatus& routing, const Labels& labels) {
  add_counters(families, "ctflowd_routing_", routing.counters, kRoutingCounters, {}, labels);
  families.gauge("ctflowd_routing_routes", "Routes in the copy of the kernel's routing",
                 routing.routes, labels);
  families.gauge("ctflowd_routing_rules", "Rules in the copy of the kernel's routing",
                 routing.rules, labels);
  families.gauge("ctflowd_routing_bytes", "Memory of the copy of the kernel's routing",
                 routing.octets, labels);
}

/// Lost connections by reason; what waits, was recovered and sent twice in all terms.
void add_carried(Families& families, const ExporterCounters& counters, const Split& losses,
                 const Labels& labels) {
  for (const CarriedName& one : kExporterCarried) {
    const ExportAmount& carried = counters.*one.member;
    const std::string_view name = one.name;
    if (applies(losses, name)) {
      families.counter(losses.family, losses.help, carried.flows,
                       with(labels, losses.label, std::string(name.substr(losses.prefix.size()))));
      continue;
    }
    for (const auto& part : kCarried) {
      const std::string family = fmt::format("ctflowd_collector_{}_{}", name, part.name);
      const std::string help = fmt::format("{}: {}", one.help, part.help);
      const std::uint64_t value = carried.*part.member;
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
  const char* used = "Octets of messages that wait, with those of the connection's own copy";
  families.gauge("ctflowd_collector_spool_bytes", used, backlog.memory,
                 with(labels, "where", "memory"));
  families.gauge("ctflowd_collector_spool_bytes", used, backlog.disk,
                 with(labels, "where", "disk"));
  const char* limit = "spool.memory and spool.size; 0 without spool.directory";
  families.gauge("ctflowd_collector_spool_limit_bytes", limit, backlog.memory_limit,
                 with(labels, "where", "memory"));
  families.gauge("ctflowd_collector_spool_limit_bytes", limit, backlog.disk_limit,
                 with(labels, "where", "disk"));
  families.gauge("ctflowd_collector_oldest_waiting_seconds",
                 "How long the oldest message waits, 0 if none does",
                 one.oldest_waiting ? one.oldest_waiting->count() : 0, labels);
}

void add_collector(Families& families, const OutputStatus& one, const Labels& of_namespace) {
  const Labels labels = with(of_namespace, "collector", one.name);
  const Split losses{"lost_",
                     "ctflowd_collector_lost_total",
                     "Connections that could not be sent",
                     "reason",
                     {"lost_messages", "lost_records", "lost_packets", "lost_octets"}};
  add_counters(families, "ctflowd_collector_", one.counters, kExporterCounters, {losses}, labels);
  add_carried(families, one.counters, losses, labels);
  families.counter("ctflowd_collector_refusals_total",
                   "Answers that nobody listens at the collector's port", one.collector->refusals,
                   labels);
  families.gauge("ctflowd_collector_healthy", "Whether the collector's group uses it",
                 one.healthy ? 1 : 0, labels);
  if (one.backlog) add_backlog(families, one, labels);
  const CollectorState now = state_of(one);
  for (const auto state :
       {CollectorState::kOk, CollectorState::kUnresolved, CollectorState::kUnreachable,
        CollectorState::kRefused, CollectorState::kLossy}) {
    families.gauge("ctflowd_collector_state", "1 for the state that the collector is in",
                   now == state ? 1 : 0, with(labels, "state", name_of(state)));
  }
}

void add_namespace(Families& families, const NamespaceStatus& one) {
  const Labels labels{{"namespace", one.name}};
  const char* lost = "Connections, or events of them, that never came to a collector";
  const char* ends = "Where end times came from";
  add_counters(families, "ctflowd_source_", one.source, kSourceCounters,
               {{"lost_", "ctflowd_lost_total", lost, "reason"},
                {"end_from_", "ctflowd_end_times_total", ends, "from"}},
               labels);
  add_counters(families, "ctflowd_", one.pipeline, kPipelineCounters,
               {{"lost_", "ctflowd_lost_total", lost, "reason"}}, labels);
  const char* found = "Where interfaces came from, two for each flow";
  add_counters(families, "ctflowd_interfaces_", one.interfaces, kInterfaceCounters,
               {{"from_", "ctflowd_interfaces_total", found, "from"}}, labels);
  add_kernel(families, one, labels);
  if (one.routing) add_routing(families, *one.routing, labels);
  for (const OutputStatus& output : one.outputs) {
    if (output.collector) add_collector(families, output, labels);
  }
  for (const GroupStatus& group : one.groups) {
    families.counter("ctflowd_group_switches_total",
                     "Times that flows went to another collector than before", group.switches,
                     with(labels, "group", group.name));
  }
}

void add_process(Families& families, const Status& status) {
  families.gauge("ctflowd_build_info", "1, with what this ctflowd is", 1,
                 {{"version", status.version}, {"compiler", status.compiler}});
  const auto seconds = [](std::chrono::system_clock::time_point time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
  };
  families.gauge("ctflowd_start_time_seconds", "When ctflowd started, Unix time",
                 seconds(status.started), {});
  const char* help = "Reloads of the configuration";
  families.counter("ctflowd_reloads_total", help, status.reloads.succeeded,
                   {{"result", "success"}});
  families.counter("ctflowd_reloads_total", help, status.reloads.failed, {{"result", "failure"}});
  families.gauge("ctflowd_last_reload_successful", "0 if the last reload failed",
                 status.reloads.last_succeeded ? 1 : 0, {});
  families.gauge("ctflowd_last_reload_timestamp_seconds", "Of the last reload, 0 before the first",
                 seconds(status.reloads.last), {});
  families.gauge("ctflowd_namespaces_missing", "Configured network namespaces that are not open",
                 status.missing_namespaces.size(), {});
  families.gauge("ctflowd_problems", "What ctflowd status finds wrong now",
                 find_problems(status).size(), {});
}

}  // namespace

std::string metrics_text(const Status& status) {
  Families families;
  add_process(families, status);
  for (const NamespaceStatus& one : status.namespaces) add_namespace(families, one);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families.all());
  return out.str();
}

}  // namespace ctflow
