// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/connection_filter.hpp"

#include <algorithm>
#include <utility>

namespace ctflow {
namespace {

/// The initiator is this host.
bool is_to_collector(const Tuple& tuple, const OwnConnection& own) {
  return tuple.destination_port == own.remote_port && tuple.destination == own.remote &&
         tuple.source == own.local;
}

/// The kernel saw a packet of the collector first, as after an expired entry.
bool is_from_collector(const Tuple& tuple, const OwnConnection& own) {
  return tuple.source_port == own.remote_port && tuple.source == own.remote &&
         tuple.destination == own.local;
}

}  // namespace

ConnectionFilter::ConnectionFilter(const SourceConfig& config)
    : zones_(config.zones),
      include_(config.filter.include.begin(), config.filter.include.end()),
      exclude_(config.filter.exclude.begin(), config.filter.exclude.end()),
      excludes_own_(config.own_traffic == OwnTraffic::kExclude),
      has_conditions_(!zones_.empty() || !include_.empty() || !exclude_.empty()) {}

void ConnectionFilter::set_own_traffic(std::vector<OwnConnection> connections) {
  if (!excludes_own_) return;
  own_ = std::move(connections);
}

bool ConnectionFilter::zone_passes(const Flow& flow) const {
  return zones_.empty() ||
         std::find(zones_.begin(), zones_.end(), flow.original.zone) != zones_.end();
}

bool ConnectionFilter::is_own_traffic(const Flow& flow) const {
  const Tuple& tuple = flow.original;
  return std::any_of(own_.begin(), own_.end(), [&](const OwnConnection& own) {
    return tuple.protocol == own.protocol && tuple.family == own.family &&
           (is_to_collector(tuple, own) || is_from_collector(tuple, own));
  });
}

bool ConnectionFilter::filter_passes(const Flow& flow) const {
  const auto matches = [&](const ConnectionCondition& match) { return match.matches(flow); };
  return (include_.empty() || std::any_of(include_.begin(), include_.end(), matches)) &&
         std::none_of(exclude_.begin(), exclude_.end(), matches);
}

}  // namespace ctflow
