// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/output_filters.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "filter/output_filter.hpp"

namespace ctflow {
namespace {

const std::vector<FilterRule>* rules_of(const Config& config, const CollectorConfig& collector) {
  for (const GroupConfig& group : config.groups) {
    const auto& members = group.collectors;
    if (std::find(members.begin(), members.end(), collector.name) != members.end()) {
      return &group.filter;
    }
  }
  return &collector.filter;
}

/// Of the outputs that have the setting: the first ones of outputs_of().
std::vector<const std::vector<FilterRule>*> all_rules(const Config& config) {
  std::vector<const std::vector<FilterRule>*> all;
  for (const CollectorConfig& one : config.collectors) all.push_back(rules_of(config, one));
  for (const ConnectionLogConfig& one : config.log_connections) all.push_back(&one.filter);
  return all;
}

bool has_names(const std::vector<InterfaceMatch>& interfaces) {
  return std::any_of(interfaces.begin(), interfaces.end(),
                     [](const InterfaceMatch& one) { return !one.name.empty(); });
}

}  // namespace

OutputFilters make_filters(const Config& config,
                           const std::shared_ptr<const OutputContext>& context) {
  OutputFilters filters;
  for (const auto* const rules : all_rules(config)) {
    filters.push_back(rules->empty() ? nullptr : std::make_unique<OutputFilter>(*rules, context));
  }
  return filters;
}

bool filters_name_interfaces(const Config& config) {
  for (const auto* const rules : all_rules(config)) {
    for (const FilterRule& rule : *rules) {
      if (has_names(rule.interfaces) || has_names(rule.ingress_interfaces) ||
          has_names(rule.egress_interfaces)) {
        return true;
      }
    }
  }
  return false;
}

void give_filters(const std::vector<std::unique_ptr<Output>>& outputs, OutputFilters filters) {
  for (std::size_t i = 0; i < filters.size(); ++i) {
    if (filters[i] == nullptr && outputs[i]->has_filter()) {
      // Leaves nothing out, and has the counts of the filter that was.
      filters[i] = std::make_unique<OutputFilter>(std::vector<FilterRule>{}, nullptr);
    }
    if (filters[i]) outputs[i]->set_filter(std::move(filters[i]));
  }
}

}  // namespace ctflow
