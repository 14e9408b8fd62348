// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/rule_list.hpp"

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

/// All that a rule asks for and that is always known. A forwarded packet has no egress before it is
/// routed, so a rule with `oif` is not for it.
bool known_parts_fit(const Rule& rule, const RouteQuery& query) {
  return !rule.needs_egress && (!rule.vrf || query.vrf_table != 0) &&
         rule.source.covers(query.source) && rule.destination.covers(query.destination) &&
         (rule.protocol == 0 || rule.protocol == query.protocol) &&
         port_matches(rule.source_port, query.source_port) &&
         port_matches(rule.destination_port, query.destination_port);
}

bool fits_every_packet(const Rule& rule) {
  return rule.source.length == 0 && rule.destination.length == 0 && rule.protocol == 0 &&
         rule.source_port.last == 0 && rule.destination_port.last == 0 && rule.mark == 0 &&
         rule.mark_mask == 0 && !is_named(rule) && !rule.vrf && !rule.inverted &&
         !rule.needs_egress && !rule.undecidable;
}

bool mark_fits(const Rule& rule, const RouteQuery& query) {
  return ((rule.mark ^ query.mark) & rule.mark_mask) == 0;
}

/// Whether packets may carry the rule's mark though their connection does not. A connection that
/// carries another of the same kind has it from its packets.
bool may_be_marked(const Rule& rule, const RouteQuery& query, bool is_kept) {
  return !is_kept && (rule.mark & rule.mark_mask) != 0 && (query.mark & rule.mark_mask) == 0;
}

}  // namespace

bool RuleList::fits(const Entry& entry, const RouteQuery& query, Fit& fit) {
  const Rule& rule = entry.rule;
  const bool others = known_parts_fit(rule, query);
  if (rule.inverted) return inverted_fits(entry, query, others, fit);
  if (!others) return false;
  const bool has_mark = mark_fits(rule, query);
  if (has_mark && rule.mark != 0) entry.mark_is_kept = true;
  if (!has_mark && !may_be_marked(rule, query, entry.mark_is_kept)) return false;
  const bool unknown = rule.undecidable || (is_named(rule) && query.ingress == nullptr);
  if (!unknown && is_named(rule) && !came_through(rule, query)) return false;
  fit = unknown || !has_mark ? Fit::kPossible : Fit::kSure;
  return true;
}

bool RuleList::inverted_fits(const Entry& entry, const RouteQuery& query, bool others, Fit& fit) {
  const Rule& rule = entry.rule;
  const bool knows_ingress = query.ingress != nullptr;
  fit = Fit::kSure;
  if (!others || (is_named(rule) && knows_ingress && !came_through(rule, query))) return true;
  const bool has_mark = mark_fits(rule, query);
  if (has_mark && rule.mark != 0) entry.mark_is_kept = true;
  const bool may_have_mark = has_mark || may_be_marked(rule, query, entry.mark_is_kept);
  if (!may_have_mark) return true;
  if (rule.undecidable || (is_named(rule) && !knows_ingress)) {
    fit = Fit::kPossible;
    return true;
  }
  fit = Fit::kPresumed;
  return !has_mark;
}

std::size_t RuleList::first_of(std::uint32_t priority) const {
  const auto place = std::lower_bound(
      rules_.begin(), rules_.end(), priority,
      [](const Entry& entry, std::uint32_t wanted) { return entry.rule.priority < wanted; });
  return static_cast<std::size_t>(place - rules_.begin());
}

RuleList::Entry* RuleList::find(const Rule& rule) {
  for (std::size_t i = first_of(rule.priority); i < rules_.size(); ++i) {
    if (rules_[i].rule.priority != rule.priority) break;
    if (rules_[i].until == kNever && rules_[i].rule == rule) return &rules_[i];
  }
  return nullptr;
}

void RuleList::insert(const Entry& entry) {
  const auto place = std::upper_bound(
      rules_.begin(), rules_.end(), entry.rule.priority,
      [](std::uint32_t priority, const Entry& known) { return priority < known.rule.priority; });
  rules_.insert(place, entry)->fits_all = fits_every_packet(entry.rule);
}

void RuleList::add(const Rule& rule, RoutingTime now) {
  insert({rule, now, kNever});
  trim(now);
  look_at_all();
}

bool RuleList::remove(const Rule& rule, RoutingTime now) {
  Entry* entry = find(rule);
  if (entry == nullptr) return false;
  if (now == kAlways) {
    rules_.erase(rules_.begin() + (entry - rules_.data()));
  } else {
    entry->until = now;
    ++gone_;
  }
  trim(now);
  look_at_all();
  return true;
}

void RuleList::trim(RoutingTime now) {
  if (gone_ == 0) return;
  const RoutingTime oldest = oldest_remembered(now);
  const auto forget = [&](RoutingTime until) {
    known_since_ = std::max(known_since_, until);
    --gone_;
  };
  std::erase_if(rules_, [&](const Entry& entry) {
    if (entry.until > oldest) return false;
    forget(entry.until);
    return true;
  });
  while (gone_ > kGone) {
    const auto first = std::min_element(
        rules_.begin(), rules_.end(),
        [](const Entry& one, const Entry& other) { return one.until < other.until; });
    forget(first->until);
    ++forgotten_;
    rules_.erase(first);
  }
}

void RuleList::look_at_all() {
  asks_for_ingress_ = std::any_of(rules_.begin(), rules_.end(),
                                  [](const Entry& entry) { return is_named(entry.rule); });
  choosy_ =
      static_cast<std::size_t>(std::count_if(rules_.begin(), rules_.end(), [](const Entry& entry) {
        return entry.until == kNever && !entry.fits_all;
      }));
}

std::size_t RuleList::undecidable() const {
  return static_cast<std::size_t>(std::count_if(
      rules_.begin(), rules_.end(),
      [](const Entry& entry) { return entry.until == kNever && entry.rule.undecidable; }));
}

std::size_t RuleList::before_target(std::size_t from, RoutingTime time) const {
  const std::uint32_t target = rules_[from].rule.target;
  for (std::size_t i = std::max(first_of(target), from + 1); i < rules_.size(); ++i) {
    if (rules_[i].rule.priority != target) break;
    if (rules_[i].is_at(time)) return i - 1;
  }
  return from;  // there is no such rule (yet): as if this one did nothing
}

void RuleList::inherit(const RuleList& older, RoutingTime now) {
  known_since_ = std::max(known_since_, older.known_since_);
  forgotten_ += older.forgotten_;
  std::vector<Entry> missing;
  std::vector<bool> taken(rules_.size());
  for (const Entry& entry : older.rules_) {
    std::size_t i = first_of(entry.rule.priority);
    while (i < rules_.size() && (taken[i] || !(rules_[i].rule == entry.rule))) {
      if (rules_[i].rule.priority != entry.rule.priority)
        i = rules_.size();
      else
        ++i;
    }
    if (entry.until == kNever && i < rules_.size()) {
      taken[i] = true;
      rules_[i].from = entry.from;
      rules_[i].mark_is_kept = entry.mark_is_kept;
      continue;
    }
    missing.push_back(entry);
    missing.back().until = std::min(entry.until, now);
  }
  for (const Entry& entry : missing) insert(entry);
  gone_ += missing.size();
  trim(now);
  look_at_all();
}

}  // namespace ctflow
