// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/rule_list.hpp"

#include <algorithm>

namespace ctflow {
namespace {

bool port_matches(const PortRange& range, std::uint16_t port) {
  if (range.last == 0) return true;
  if (range.mask != 0 && range.mask != 0xffff) return ((port ^ range.first) & range.mask) == 0;
  return port >= range.first && port <= range.last;
}

bool is_named(const Rule& rule) { return rule.ingress[0] != '\0'; }

bool came_through(const Rule& rule, const RouteQuery& query) {
  return (query.ingress != nullptr && *query.ingress == rule.ingress) ||
         (query.ingress_vrf != nullptr && *query.ingress_vrf == rule.ingress);
}

}  // namespace

bool RuleList::matches(const Rule& rule, const RouteQuery& query, bool& undecided) {
  // A forwarded packet has no egress before it is routed, so a rule with `oif` is not for it.
  const bool fits = !rule.needs_egress && ((rule.mark ^ query.mark) & rule.mark_mask) == 0 &&
                    (!rule.vrf || query.vrf_table != 0) && rule.source.covers(query.source) &&
                    rule.destination.covers(query.destination) &&
                    (rule.protocol == 0 || rule.protocol == query.protocol) &&
                    port_matches(rule.source_port, query.source_port) &&
                    port_matches(rule.destination_port, query.destination_port);
  const bool unknown = rule.undecidable || (is_named(rule) && query.ingress == nullptr);
  if (unknown && fits) {
    undecided = true;
    return false;
  }
  const bool all = fits && (!is_named(rule) || came_through(rule, query));
  return all != rule.inverted;
}

void RuleList::add(const Rule& rule) {
  if (std::find(rules_.begin(), rules_.end(), rule) != rules_.end()) return;
  const auto place = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& known) {
    return known.priority > rule.priority;
  });
  rules_.insert(place, rule);
  look_at_all();
}

bool RuleList::remove(const Rule& rule) {
  const auto place = std::find(rules_.begin(), rules_.end(), rule);
  if (place == rules_.end()) return false;
  rules_.erase(place);
  look_at_all();
  return true;
}

void RuleList::look_at_all() {
  asks_for_ingress_ = std::any_of(rules_.begin(), rules_.end(), is_named);
}

std::size_t RuleList::undecidable() const {
  return static_cast<std::size_t>(std::count_if(rules_.begin(), rules_.end(),
                                                [](const Rule& rule) { return rule.undecidable; }));
}

std::size_t RuleList::before_target(std::size_t from) const {
  const std::uint32_t target = rules_[from].target;
  for (std::size_t i = from + 1; i < rules_.size(); ++i) {
    if (rules_[i].priority == target) return i - 1;
  }
  return from;  // there is no such rule (yet): as if this one did nothing
}

}  // namespace ctflow
