// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/collector_group.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "conntrack/flow/tuple_hash.hpp"
#include "hash/fnv1a.hpp"
#include "log/log.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::seconds kCheck{1};

}  // namespace

CollectorGroup::CollectorGroup(const GroupConfig& config, std::vector<Exporter*> members)
    : config_(config), members_(std::move(members)), was_healthy_(members_.size(), true) {
  for (Exporter* member : members_) {
    // The same in every run: a restart must not move the connections.
    seeds_.push_back(fnv1a<std::uint64_t>(member->name()));
    member->watch_health(config_.failback_after);
  }
}

void CollectorGroup::continue_from(const CollectorGroup& before) {
  if (config_.name != before.config_.name || config_.mode != before.config_.mode ||
      config_.collectors != before.config_.collectors) {
    return;
  }
  was_healthy_ = before.was_healthy_;
  active_ = before.active_;
  switches_ = before.switches_;
}

void CollectorGroup::offer(const Flow& flow, FlowKinds kind, const Instant& now) {
  Exporter& member = choose(flow);
  if (member.wants().has(kind)) member.take(flow, now);
}

Exporter& CollectorGroup::choose(const Flow& flow) {
  return config_.mode == GroupMode::kFailover ? choose_first() : choose_by_hash(flow);
}

Exporter& CollectorGroup::choose_first() {
  const auto healthy = std::find_if(members_.begin(), members_.end(),
                                    [](const Exporter* member) { return member->healthy(); });
  const auto wanted = healthy == members_.end()
                          ? std::size_t{0}
                          : static_cast<std::size_t>(healthy - members_.begin());
  if (wanted == active_) return *members_[active_];
  log::warn(
      "collector_switched group={} from={} to={} impact=\"flow reports go to the other one from "
      "now on\" fix=\"see collector_down; the first one that works is used again\"",
      config_.name, members_[active_]->name(), members_[wanted]->name());
  ++switches_;
  active_ = wanted;
  members_[active_]->take_over();
  return *members_[active_];
}

Exporter& CollectorGroup::choose_by_hash(const Flow& flow) const {
  const std::uint64_t hash = hash_of(flow.original, flow.zone);
  const bool none = std::none_of(members_.begin(), members_.end(),
                                 [](const Exporter* member) { return member->healthy(); });
  std::size_t best = 0;
  std::uint64_t highest = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!none && !members_[i]->healthy()) continue;
    const std::uint64_t weight = mix(hash ^ seeds_[i]);
    if (weight < highest) continue;
    highest = weight;
    best = i;
  }
  return *members_[best];
}

void CollectorGroup::tick(const Instant& now) {
  if (now.steady < next_check_) return;
  next_check_ = now.steady + kCheck;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    members_[i]->check_health(now);
    const bool healthy = members_[i]->healthy();
    if (was_healthy_[i] == healthy) continue;
    was_healthy_[i] = healthy;
    if (healthy) {
      log::info("collector_up group={} collector={}", config_.name, members_[i]->name());
      members_[i]->take_over();
    } else {
      log::warn(
          "collector_down group={} collector={} peer={} impact=\"flow reports go to others of the "
          "group that work\" fix=\"ctflowd status has the reason\"",
          config_.name, members_[i]->name(), members_[i]->status(now).peer);
    }
  }
}

}  // namespace ctflow
