// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/status_json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "config/setting_words.hpp"
#include "findings/certificate_expiry.hpp"
#include "findings/finding_text.hpp"
#include "observe/collector_problems.hpp"
#include "observe/counter_names.hpp"
#include "observe/log_problems.hpp"
#include "observe/problems.hpp"
#include "text/time_text.hpp"

namespace ctflow {
namespace {

using Json = nlohmann::ordered_json;

template <typename Counters, typename Table>
Json counters_json(const Counters& counters, const Table& table) {
  Json out = Json::object();
  for (const auto& one : table) out[one.name] = counters.*one.member;
  return out;
}

double seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

Json ago_json(const Ago& ago) { return ago ? Json(ago->count()) : Json(nullptr); }

Json rates_json(const WindowedRates& rates) {
  Json all = Json::object();
  for (std::size_t i = 0; i < WindowedRates::kWindows.size(); ++i) {
    all[std::to_string(WindowedRates::kWindows[i]) + "s"] = rates.per_second[i];
  }
  return all;
}

Json last_failure_json(const OutputStatus& one) {
  if (one.last_failure.kind == FailureKind::kNone) return nullptr;
  return Json{{"kind", name_of(one.last_failure.kind)},
              {"reason", one.last_failure.reason},
              {"seconds_ago", ago_json(one.last_failure_age)}};
}

/// What can still be kept; null where it is not known or does not fill.
Json room_json(const SpoolRoom& room) {
  return Json{{"octets", room.octets},
              {"flows", room.flows ? Json(*room.flows) : Json(nullptr)},
              {"seconds", room.lasts ? Json(room.lasts->count()) : Json(nullptr)}};
}

/// Fill and limits of memory and disk; what waits is counted in counters.waiting.
Json backlog_json(const OutputStatus& one) {
  Json out{{"memory_octets", one.backlog->memory},
           {"memory_limit", one.backlog->memory_limit},
           {"disk_octets", one.backlog->disk},
           {"disk_limit", one.backlog->disk_limit},
           {"oldest_seconds", ago_json(one.oldest_waiting)},
           {"trouble", one.backlog->trouble}};
  if (one.room) out["room"] = room_json(*one.room);
  return out;
}

Json output_counters_json(const OutputStatus& one) {
  Json counters = counters_json(one.counters, kExporterCounters);
  for (const AmountName& amount : kExporterAmounts) {
    counters[amount.name] = counters_json(one.counters.*amount.member, kAmountCounters);
  }
  return counters;
}

/// What each rule of the filter left out.
Json filtered_json(const OutputStatus& one) {
  Json all = Json::array();
  for (const FilteredByRule& rule : one.filtered_by_rule) {
    all.push_back({{"rule", rule.rule},
                   {"flows", rule.amount.flows},
                   {"packets", rule.amount.packets},
                   {"octets", rule.amount.octets}});
  }
  return all;
}

Json certificates_json(const CollectorStatus& collector) {
  Json all = Json::array();
  for (const CertificateStatus& one : collector.certificates) {
    const auto expires = std::chrono::floor<std::chrono::seconds>(one.certificate.expires);
    all.push_back({{"of", name_of(one.certificate.owner)},
                   {"expires", text::utc_text(expires)},
                   {"expires_in_seconds", one.left.count()}});
  }
  return all;
}

Json collector_json(const OutputStatus& one, const CollectorStatus& collector) {
  Json out{{"name", one.name},
           {"peer", one.peer},
           {"protocol", config::word_of(collector.protocol)},
           {"transport", config::word_of(collector.transport)},
           {"state", name_of(state_of(one))},
           {"healthy", one.healthy},
           {"last_failure", last_failure_json(one)},
           {"refusals", collector.refusals},
           {"last_refusal_seconds_ago", ago_json(collector.last_refusal)},
           {"records_per_second", rates_json(one.records)},
           {"last_message_seconds_ago", ago_json(one.last_message)},
           {"lost", one.counters.lost()},
           {"last_loss_seconds_ago", ago_json(one.last_loss)}};
  if (!one.group.empty()) out["group"] = one.group;
  if (collector.transport == TransportKind::kTls) {
    out["certificates"] = certificates_json(collector);
  }
  if (one.backlog) out["backlog"] = backlog_json(one);
  if (!one.filtered_by_rule.empty()) out["filtered_by_rule"] = filtered_json(one);
  out["counters"] = output_counters_json(one);
  return out;
}

Json log_json(const OutputStatus& one, const ConnectionLogStatus& log) {
  Json out{{"name", one.name},
           {"to", config::word_of(log.to)},
           {"peer", one.peer},
           {"state", name_of(state_of(one))},
           {"last_failure", last_failure_json(one)},
           {"lines", one.counters.records},
           {"octets", one.counters.message_octets},
           {"lines_per_second", rates_json(one.records)},
           {"last_message_seconds_ago", ago_json(one.last_message)},
           {"lost", one.counters.lost()},
           {"last_loss_seconds_ago", ago_json(one.last_loss)}};
  if (!log.brokers.empty()) out["brokers"] = log.brokers;
  if (one.backlog) out["backlog"] = backlog_json(one);
  if (!one.filtered_by_rule.empty()) out["filtered_by_rule"] = filtered_json(one);
  out["counters"] = output_counters_json(one);
  return out;
}

Json nat_maps_json(const NatMapsStatus& maps) {
  return Json{{"entries", maps.entries},
              {"followed_map", maps.followed},
              {"current", maps.current},
              {"unreadable", maps.unreadable.empty() ? Json(nullptr) : Json(maps.unreadable)},
              {"left_out", maps.left_out}};
}

Json nat_log_json(const OutputStatus& one, const NatLogStatus& log) {
  Json out{{"name", one.name},
           {"directory", one.peer},
           {"written", one.connected},
           {"last_failure", last_failure_json(one)},
           {"open_translations", log.open},
           {"holes", log.holes},
           {"waiting", one.counters.waiting.flows},
           {"lost", one.counters.lost()},
           {"last_loss_seconds_ago", ago_json(one.last_loss)},
           {"counters", output_counters_json(one)}};
  if (log.maps) out["maps"] = nat_maps_json(*log.maps);
  return out;
}

Json accounting_json(const OutputStatus& one, const AccountingStatus& accounting) {
  return Json{{"name", one.name},
              {"database", one.peer},
              {"written", one.connected},
              {"last_failure", last_failure_json(one)},
              {"last_commit_seconds_ago", ago_json(accounting.last_commit)},
              {"waiting_rows", accounting.rows},
              {"merged_rows", accounting.merged},
              {"failed_transactions", accounting.failures},
              {"recovered_octets", accounting.recovered},
              {"waiting", one.counters.waiting.flows},
              {"lost", one.counters.lost()},
              {"counters", output_counters_json(one)}};
}

/// Where a namespace has its outputs: an array of a kind that there may be several of.
void add_output(Json& to, const OutputStatus& one, const CollectorStatus& collector) {
  to["collectors"].push_back(collector_json(one, collector));
}
void add_output(Json& to, const OutputStatus& one, const ConnectionLogStatus& log) {
  to["connection_logs"].push_back(log_json(one, log));
}
void add_output(Json& to, const OutputStatus& one, const NatLogStatus& log) {
  to["nat_log"] = nat_log_json(one, log);
}
void add_output(Json& to, const OutputStatus& one, const AccountingStatus& accounting) {
  to["accounting"] = accounting_json(one, accounting);
}

Json group_json(const GroupStatus& one) {
  Json out{{"name", one.name}, {"mode", config::word_of(one.mode)}, {"switches", one.switches}};
  if (!one.active.empty()) out["active"] = one.active;
  return out;
}

Json capabilities_json(const Capabilities& measured) {
  return Json{{"origin", name_of(measured.origin)},
              {"times", measured.times},
              {"counters", measured.counters},
              {"interfaces", measured.interfaces},
              {"flags", measured.flags},
              {"reports", measured.reports},
              {"ends", measured.ends},
              {"flowtables", measured.flowtables}};
}

Json filter_json(const FilterStatus& filter) {
  return Json{{"kernel_events", filter.events},
              {"after_decoding", filter.after_decoding},
              {"own_traffic_excluded", filter.own_traffic}};
}

Json kernel_json(const NamespaceStatus& one) {
  const EventQueueStatus& queue = one.kernel.queue;
  const ScanStatus& scans = one.kernel.scans;
  const ReportedStatus& reported = one.kernel.reported;
  return Json{{"capabilities", capabilities_json(one.kernel.capabilities)},
              {"measuring_obstacle", one.kernel.obstacle},
              {"filter", filter_json(one.kernel.filter)},
              {"table_entries", one.table_entries},
              {"table_limit", one.table_limit},
              {"receive_buffer",
               {{"octets", queue.limit},
                {"used", queue.used},
                {"most_used", queue.most_used},
                {"dropped", queue.dropped},
                {"port_id", queue.port_id},
                {"readings", queue.batches.readings},
                {"datagrams", queue.batches.datagrams}}},
              {"scans",
               {{"complete", scans.complete},
                {"incomplete", scans.incomplete},
                {"last_milliseconds", scans.last_lasted.count()},
                {"last_entries", scans.last_entries}}},
              {"reported_connections",
               {{"connections", reported.connections},
                {"limit", reported.limit},
                {"octets", reported.octets}}},
              {"counter_resetters", one.kernel.resetters.programs},
              {"processes_hidden", one.kernel.resetters.hidden}};
}

Json namespace_json(const NamespaceStatus& one) {
  Json out{{"name", one.name},
           {"source", counters_json(one.source, kSourceCounters)},
           {"pipeline", counters_json(one.pipeline, kPipelineCounters)},
           {"events_per_second", rates_json(one.rates)},
           {"last_overrun_seconds_ago", ago_json(one.last_overrun)},
           {"kernel", kernel_json(one)},
           {"interfaces", counters_json(one.interfaces, kInterfaceCounters)}};
  if (one.routing) {
    Json routing = counters_json(one.routing->counters, kRoutingCounters);
    routing["routes"] = one.routing->routes;
    routing["rules"] = one.routing->rules;
    routing["octets"] = one.routing->octets;
    out["routing"] = std::move(routing);
  }
  out["collectors"] = Json::array();
  out["connection_logs"] = Json::array();
  for (const OutputStatus& output : one.outputs) {
    std::visit([&](const auto& details) { add_output(out, output, details); }, output.details);
  }
  out["groups"] = Json::array();
  for (const GroupStatus& group : one.groups) out["groups"].push_back(group_json(group));
  return out;
}

Json reloads_json(const ReloadStatus& reloads) {
  Json out{{"succeeded", reloads.succeeded}, {"failed", reloads.failed}};
  if (reloads.succeeded + reloads.failed > 0) {
    out["last_time"] = seconds(reloads.last);
    out["last_succeeded"] = reloads.last_succeeded;
  }
  if (!reloads.last_error.empty()) out["last_error"] = reloads.last_error;
  return out;
}

Json database_json(const DatabaseStatus& one) {
  Json out{{"setting", std::string("enrich.") + one.setting},
           {"file", one.file},
           {"loads", one.loads},
           {"failures", one.failures}};
  if (!one.type.empty()) {
    out["type"] = one.type;
    out["built"] = one.built.time_since_epoch().count();
  }
  if (!one.error.empty()) out["error"] = one.error;
  return out;
}

}  // namespace

std::string status_json(const Status& status) {
  Json problems = findings_json(find_problems(status));
  Json out{{"well", problems.empty()},
           {"problems", std::move(problems)},
           {"version", status.version},
           {"compiler", status.compiler},
           {"started", seconds(status.started)},
           {"time", seconds(status.now)},
           {"reloads", reloads_json(status.reloads)}};
  out["namespaces"] = Json::array();
  for (const NamespaceStatus& one : status.namespaces) {
    out["namespaces"].push_back(namespace_json(one));
  }
  out["missing_namespaces"] = Json::array();
  for (const MissingNamespace& one : status.missing_namespaces) {
    out["missing_namespaces"].push_back({{"name", one.name}, {"why", one.why}});
  }
  out["databases"] = Json::array();
  for (const DatabaseStatus& one : status.databases) {
    out["databases"].push_back(database_json(one));
  }
  // Peers and errors are text of others, and may not be UTF-8.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ctflow
