// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/connection_filter.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ctflow {
namespace {

using Halves = std::array<std::uint64_t, 2>;

Halves halves_of(const IpAddress& address) {
  Halves halves{};
  std::memcpy(halves.data(), address.octets.data(), sizeof halves);
  return halves;
}

/// An address whose first `length` bits are set.
IpAddress mask_of(std::size_t length) {
  IpAddress mask;
  for (std::size_t bit = 0; bit < length; ++bit) {
    mask.octets[bit / 8] = static_cast<std::uint8_t>(mask.octets[bit / 8] | 0x80U >> bit % 8);
  }
  return mask;
}

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

ConnectionFilter::Prefix::Prefix(const Network& network)
    : family(network.family),
      value(halves_of(network.address)),
      mask(halves_of(mask_of(network.length))) {
  for (std::size_t i = 0; i < value.size(); ++i) value[i] &= mask[i];
}

bool ConnectionFilter::Prefix::contains(const Tuple& tuple, const IpAddress& address) const {
  const Halves halves = halves_of(address);
  return tuple.family == family && (halves[0] & mask[0]) == value[0] &&
         (halves[1] & mask[1]) == value[1];
}

ConnectionFilter::Match::Match(const ConnectionMatch& match)
    : networks(match.networks.begin(), match.networks.end()),
      sources(match.sources.begin(), match.sources.end()),
      destinations(match.destinations.begin(), match.destinations.end()),
      marks(match.marks) {
  for (const std::uint64_t protocol : match.protocols) protocols.at(protocol) = true;
  if (match.protocols.empty()) protocols.fill(true);
}

bool ConnectionFilter::Match::matches(const Flow& flow) const {
  const Tuple& tuple = flow.original;
  const auto one_of = [&](const std::vector<Prefix>& prefixes, const IpAddress& address) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const Prefix& prefix) { return prefix.contains(tuple, address); });
  };
  if (!protocols[tuple.protocol]) return false;
  if (!sources.empty() && !one_of(sources, tuple.source)) return false;
  if (!destinations.empty() && !one_of(destinations, tuple.destination)) return false;
  if (!networks.empty() && !one_of(networks, tuple.source) && !one_of(networks, tuple.destination))
    return false;
  return marks.empty() || std::any_of(marks.begin(), marks.end(), [&](const MarkMatch& mark) {
           return (flow.mark & mark.mask) == mark.mark;
         });
}

ConnectionFilter::ConnectionFilter(const SourceConfig& config)
    : zones_(config.zones),
      include_(config.filter.include.begin(), config.filter.include.end()),
      exclude_(config.filter.exclude.begin(), config.filter.exclude.end()),
      excludes_own_(config.own_traffic == OwnTraffic::kExclude) {
  update();
}

void ConnectionFilter::set_own_traffic(std::vector<OwnConnection> connections) {
  if (!excludes_own_) return;
  own_ = std::move(connections);
  update();
}

void ConnectionFilter::update() {
  passes_all_ = zones_.empty() && include_.empty() && exclude_.empty() && own_.empty();
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
  const auto matches = [&](const Match& match) { return match.matches(flow); };
  return (include_.empty() || std::any_of(include_.begin(), include_.end(), matches)) &&
         std::none_of(exclude_.begin(), exclude_.end(), matches);
}

}  // namespace ctflow
