// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/output_filter.hpp"

#include <algorithm>
#include <utility>

#include "filter/ports.hpp"

namespace ctflow {
namespace {

FilteredAmount& operator+=(FilteredAmount& to, const FilteredAmount& more) {
  to.flows += more.flows;
  to.packets += more.packets;
  to.octets += more.octets;
  return to;
}

bool zones_match(const std::vector<std::uint64_t>& zones, const Flow& flow) {
  return zones.empty() || std::any_of(zones.begin(), zones.end(), [&](std::uint64_t zone) {
           return zone == flow.original.zone || zone == flow.reply.zone;
         });
}

}  // namespace

OutputFilter::Rule::Rule(const FilterRule& from, std::size_t place)
    : connection(from),
      rule(from),
      post_nat_networks(from.post_nat_networks.begin(), from.post_nat_networks.end()),
      post_nat_sources(from.post_nat_sources.begin(), from.post_nat_sources.end()),
      post_nat_destinations(from.post_nat_destinations.begin(), from.post_nat_destinations.end()),
      counts{from.name.empty() ? std::to_string(place) : from.name} {}

OutputFilter::OutputFilter(const std::vector<FilterRule>& rules,
                           std::shared_ptr<const OutputContext> context)
    : context_(std::move(context)) {
  rules_.reserve(rules.size());
  for (const FilterRule& rule : rules) {
    rules_.emplace_back(rule, rules_.size() + 1);
    if (rule.action == FilterAction::kInclude) includes_ = true;
  }
}

FilteredAmount* OutputFilter::leaves_out(const Flow& flow) {
  for (Rule& one : rules_) {
    if (!matches(one, flow)) continue;
    return one.rule.action == FilterAction::kExclude ? &one.counts.amount : nullptr;
  }
  return includes_ ? &unmatched_.amount : nullptr;
}

bool OutputFilter::matches(const Rule& rule, const Flow& flow) const {
  // By the reply: its source is whom the connection really was with, its destination as whom.
  const Tuple& reply = flow.reply;
  return rule.connection.matches(flow) && ports_match(rule.rule, flow.original) &&
         allows_either(rule.post_nat_networks, reply) &&
         allows(rule.post_nat_sources, reply, reply.destination) &&
         allows(rule.post_nat_destinations, reply, reply.source) &&
         zones_match(rule.rule.zones, flow) && interfaces_match(rule.rule, flow);
}

bool OutputFilter::interfaces_match(const FilterRule& rule, const Flow& flow) const {
  const Interfaces& there = flow.original_interfaces;
  const Interfaces& back = flow.reply_interfaces;
  return is_one_of(rule.ingress_interfaces, there.ingress) &&
         is_one_of(rule.egress_interfaces, there.egress) &&
         (is_one_of(rule.interfaces, there.ingress) || is_one_of(rule.interfaces, there.egress) ||
          is_one_of(rule.interfaces, back.ingress) || is_one_of(rule.interfaces, back.egress));
}

bool OutputFilter::is_one_of(const std::vector<InterfaceMatch>& interfaces,
                             std::uint32_t index) const {
  if (interfaces.empty()) return true;
  if (index == 0) return false;  // not known, or this host
  const InterfaceNames* const names = context_ ? context_->interface_names() : nullptr;
  return std::any_of(interfaces.begin(), interfaces.end(), [&](const InterfaceMatch& one) {
    if (one.name.empty()) return one.index == index;
    if (names == nullptr) return false;
    const auto found = names->entries().find(index);
    return found != names->entries().end() && found->second.name == one.name;
  });
}

std::vector<FilteredByRule> OutputFilter::filtered() const {
  std::vector<FilteredByRule> all;
  for (const Rule& one : rules_) {
    if (one.rule.action == FilterAction::kExclude) all.push_back(one.counts);
  }
  if (includes_) all.push_back(unmatched_);
  if (earlier_.amount.flows > 0) all.push_back(earlier_);
  return all;
}

FilteredByRule* OutputFilter::find(const std::string& name) {
  if (includes_ && name == FilteredByRule::kUnmatched) return &unmatched_;
  const auto found = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& one) {
    return one.rule.action == FilterAction::kExclude && one.counts.rule == name;
  });
  return found == rules_.end() ? nullptr : &found->counts;
}

void OutputFilter::continue_from(const std::vector<FilteredByRule>& counts) {
  for (const FilteredByRule& one : counts) {
    FilteredByRule* const same = find(one.rule);
    (same == nullptr ? earlier_ : *same).amount += one.amount;
  }
}

}  // namespace ctflow
