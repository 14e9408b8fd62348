// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/totals.hpp"

#include <variant>

#include "log/log.hpp"
#include "observe/counter_names.hpp"

namespace ctflow {
namespace {

std::string in(const std::string& network_namespace) {
  return network_namespace.empty() ? "" : " namespace=" + network_namespace;
}

/// ` NAME=VALUE` for every counter of a table.
template <typename Counters, typename Table>
std::string listed(const Counters& counters, const Table& table, const char* prefix = "") {
  std::string text;
  for (const auto& one : table) {
    text += fmt::format(" {}{}={}", prefix, one.name, counters.*one.member);
  }
  return text;
}

}  // namespace

const char* log_key(const OutputDetails& details) {
  return std::holds_alternative<CollectorStatus>(details) ? "collector" : "output";
}

void log_output_totals(const OutputStatus& output) {
  const ExporterCounters& counters = output.counters;
  const char* const key = log_key(output.details);
  if (const auto* const collector = std::get_if<CollectorStatus>(&output.details)) {
    log::info("collector_totals collector={} refusals={}{}", output.name, collector->refusals,
              listed(counters, kExporterCounters));
  } else {
    log::info("output_totals output={}{}", output.name, listed(counters, kExporterCounters));
  }
  for (const FilteredByRule& one : output.filtered_by_rule) {
    log::info("filtered_totals {}={} rule={} flows={} packets={} octets={}", key, output.name,
              one.rule, one.amount.flows, one.amount.packets, one.amount.octets);
  }
  for (const AmountName& one : kExporterAmounts) {
    const ExportAmount& amount = counters.*one.member;
    if (amount.messages == 0) continue;
    log::info("kept_totals {}={} what={}{}", key, output.name, one.name,
              listed(amount, kAmountCounters));
  }
}

void log_interface_totals(const std::string& network_namespace, const InterfaceCounters& found,
                          const RoutingCounters& routing) {
  log::info("interface_totals{}{}{}", in(network_namespace), listed(found, kInterfaceCounters),
            listed(routing, kRoutingCounters, "route_"));
}

void log_source_totals(const std::string& network_namespace, const SourceCounters& source,
                       const PipelineCounters& pipeline) {
  log::info("stopped{}{}{}", in(network_namespace), listed(source, kSourceCounters),
            listed(pipeline, kPipelineCounters));
}

bool log_whether_exported(const Status& status) {
  SourceCounters read;
  std::uint64_t handed_on = 0;
  std::uint64_t arrived = 0;
  std::uint64_t lost = 0;
  std::uint64_t filtered = 0;
  std::uint64_t unrepresentable = 0;
  bool has_outputs = false;
  bool has_collectors = false;
  for (const NamespaceStatus& one : status.namespaces) {
    read.messages += one.source.messages;
    read.malformed += one.source.malformed;
    read.ignored += one.source.ignored;
    read.filtered += one.source.filtered;
    handed_on += one.pipeline.exported + one.pipeline.nat_events;
    for (const OutputStatus& output : one.outputs) {
      has_outputs = true;
      has_collectors = has_collectors || std::holds_alternative<CollectorStatus>(output.details);
      arrived += output.counters.flows + output.counters.waiting.flows;
      lost += output.counters.lost();
      filtered += output.counters.filtered;
      unrepresentable += output.counters.unrepresentable;
    }
  }
  if (read.messages + read.malformed == 0 || arrived > 0) return true;
  const char* impact = "no Flow Record reached a collector";
  if (!has_outputs) {
    impact =
        "the configuration has neither collectors nor log_connections, and a replay fills neither "
        "the NAT log nor accounting";
  } else if (lost > 0) {
    impact = has_collectors ? "no collector could be reached" : "log_connections cannot be written";
  } else if (filtered > 0) {
    impact = "the filters of the collectors left the flow reports out";
  } else if (unrepresentable > 0) {
    impact = "NetFlow v5 cannot express IPv6";
  } else if (handed_on > 0) {
    impact = "the collectors' profiles have no records of these events";
  } else if (read.malformed >= read.messages) {
    impact = "none of the messages could be decoded";
  } else if (read.filtered > 0) {
    impact = "source.filter left the connections out";
  }
  log::error(
      "nothing_exported messages={} malformed={} ignored={} flows={} lost={} filtered={} "
      "unrepresentable={} impact={}",
      read.messages, read.malformed, read.ignored, handed_on, lost, read.filtered + filtered,
      unrepresentable, log::quoted(impact));
  return false;
}

}  // namespace ctflow
