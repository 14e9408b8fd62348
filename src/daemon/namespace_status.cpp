// SPDX-License-Identifier: GPL-2.0-or-later
// The part of NamespaceExporter that says how it is: status, usage, totals.
#include <string>
#include <utility>

#include "ctflow/clock.hpp"
#include "daemon/namespace_exporter.hpp"
#include "daemon/totals.hpp"
#include "enrich/routing/routing_mirror.hpp"
#include "netlink/conntrack_settings.hpp"

namespace ctflow {
namespace {

GroupStatus status_of(const CollectorGroup& group) {
  const bool shared = group.config().mode == GroupMode::kBalance;
  return {group.config().name, group.config().mode, shared ? "" : group.active().name(),
          group.switches()};
}

}  // namespace

void NamespaceExporter::log_totals() const {
  const Instant now = system_now();
  for (const auto& output : pipeline_.outputs()) log_output_totals(output->status(now));
  log_interface_totals(name_, interface_counters_,
                       mirror_ ? mirror_->counters() : RoutingCounters());
  log_source_totals(name_, source_->counters(), pipeline_.counters());
}

NamespaceStatus NamespaceExporter::status() const {
  NamespaceStatus status;
  status.name = name_;
  status.source = source_->counters();
  status.kernel = source_->status();
  status.pipeline = pipeline_.counters();
  status.interfaces = interface_counters_;
  if (mirror_) {
    const RoutingState& state = mirror_->state();
    status.routing = {mirror_->counters(), state.routes(), state.rules(), state.memory()};
  }
  const Instant now = system_now();
  for (const auto& output : pipeline_.outputs()) status.outputs.push_back(output->status(now));
  for (const CollectorGroup& group : pipeline_.groups()) {
    status.groups.push_back(status_of(group));
    for (const std::string& member : group.config().collectors) {
      for (OutputStatus& output : status.outputs) {
        if (output.name == member) output.group = group.config().name;
      }
    }
  }
  status.events_off = events_off();
  const auto visit = home_.visit();
  status.table_entries = table_size();
  status.table_limit = table_limit();
  return status;
}

NamespaceUsage NamespaceExporter::usage(std::optional<AccountingKey> by) {
  NamespaceUsage result;
  result.name = name_;
  result.reported_every = config_.source.active_timeout;
  for (const auto& output : pipeline_.outputs()) {
    if (auto found = output->usage(by)) result.usage = std::move(found);
  }
  return result;
}

}  // namespace ctflow
