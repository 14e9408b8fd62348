// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/route_store.hpp"

#include <algorithm>
#include <utility>

namespace ctflow {
namespace {

std::size_t hash_of(const Route& route) {
  std::size_t hash = 0;
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 0x9e37'79b9'7f4a'7c15;
    hash ^= hash >> 29;
  };
  mix(route.metric);
  mix(std::uint64_t{route.type} << 32 | route.order);
  mix(route.nexthop_id);
  mix(route.source.key.high);
  mix(route.source.length);
  for (const Hop& hop : route.hops) {
    const PrefixKey gateway = PrefixKey::of(hop.gateway);
    mix(gateway.high);
    mix(gateway.low);
    mix(hop.interface);
  }
  return hash;
}

bool has_hop(const Route& route, const Hop& hop) {
  return std::find(route.hops.begin(), route.hops.end(), hop) != route.hops.end();
}

bool has_all_hops(const Route& route, const Route& part) {
  return !part.hops.empty() && std::all_of(part.hops.begin(), part.hops.end(),
                                           [&](const Hop& hop) { return has_hop(route, hop); });
}

}  // namespace

std::uint32_t RouteStore::acquire(const Route& route) {
  const std::size_t hash = hash_of(route);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto known = first; known != last; ++known) {
    Shared& shared = shared_[known->second];
    if (!(shared.route == route)) continue;
    ++shared.users;
    return known->second;
  }
  std::uint32_t id = 0;
  if (free_shared_.empty()) {
    id = static_cast<std::uint32_t>(shared_.size());
    shared_.push_back({route, 1});
  } else {
    id = free_shared_.back();
    free_shared_.pop_back();
    shared_[id] = {route, 1};
  }
  by_hash_.emplace(hash, id);
  return id;
}

void RouteStore::release(std::uint32_t id) {
  Shared& shared = shared_[id];
  if (--shared.users > 0) return;
  const auto [first, last] = by_hash_.equal_range(hash_of(shared.route));
  by_hash_.erase(std::find_if(first, last, [id](const auto& known) { return known.second == id; }));
  shared.route = {};
  free_shared_.push_back(id);
}

RouteStore::Ids RouteStore::open(PrefixTable::Value value) {
  if ((value & kList) == 0) return {value};
  free_lists_.push_back(value & ~kList);
  return std::exchange(lists_[value & ~kList], {});
}

PrefixTable::Value RouteStore::close(Ids ids) {
  if (ids.size() == 1) return ids[0];
  if (free_lists_.empty()) {
    lists_.push_back(std::move(ids));
    return static_cast<PrefixTable::Value>(lists_.size() - 1) | kList;
  }
  const std::uint32_t index = free_lists_.back();
  free_lists_.pop_back();
  lists_[index] = std::move(ids);
  return index | kList;
}

void RouteStore::add(const RouteMessage& message) {
  const Prefix& prefix = message.destination;
  std::unique_ptr<PrefixTable>& table = tables_[message.table];
  if (!table) table = std::make_unique<PrefixTable>();
  PrefixTable::Value* value = table->find(prefix.key, prefix.length);
  if (value == nullptr) {
    table->insert(prefix.key, prefix.length, acquire(message.route));
    ++size_;
    return;
  }
  Ids ids = open(*value);
  size_ -= ids.size();
  add_to(ids, message);
  size_ += ids.size();
  *value = close(std::move(ids));
}

void RouteStore::add_to(Ids& ids, const RouteMessage& message) {
  const auto is_same = [&](std::uint32_t id) { return shared_[id].route == message.route; };
  if (std::any_of(ids.begin(), ids.end(), is_same)) return;
  const std::size_t replaced = replaced_by(ids, message);
  if (replaced == ids.size()) {
    insert_in_order(ids, message);
    return;
  }
  const std::uint32_t id = acquire(message.route);
  release(std::exchange(ids[replaced], id));
}

std::size_t RouteStore::replaced_by(const Ids& ids, const RouteMessage& message) const {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Route& known = shared_[ids[i]].route;
    if (!same_rank(known, message.route)) continue;
    if (message.replaces) return i;
    // A further next hop of an IPv6 route is announced as the route with all its hops.
    const bool grows = family_ == AddressFamily::kIpv6 && known.type == message.route.type &&
                       message.route.hops.size() > known.hops.size() &&
                       has_all_hops(message.route, known);
    if (grows) return i;
  }
  return ids.size();
}

void RouteStore::insert_in_order(Ids& ids, const RouteMessage& message) {
  const auto before = [&](std::uint32_t id) {
    const Route& known = shared_[id].route;
    if (known.metric != message.route.metric) return known.metric < message.route.metric;
    if (known.order != message.route.order) return known.order < message.route.order;
    return message.appends;
  };
  const auto place = std::find_if_not(ids.begin(), ids.end(), before);
  ids.insert(place, acquire(message.route));
}

bool RouteStore::remove(const RouteMessage& message) {
  const auto found = tables_.find(message.table);
  if (found == tables_.end()) return false;
  const Prefix& prefix = message.destination;
  PrefixTable& table = *found->second;
  PrefixTable::Value* value = table.find(prefix.key, prefix.length);
  if (value == nullptr) return false;
  Ids ids = open(*value);
  size_ -= ids.size();
  const bool removed = remove_from(ids, message);
  size_ += ids.size();
  if (!ids.empty()) {
    *value = close(std::move(ids));
    return removed;
  }
  table.erase(prefix.key, prefix.length);
  if (table.size() == 0) tables_.erase(found);
  return removed;
}

bool RouteStore::remove_from(Ids& ids, const RouteMessage& message) {
  const auto take = [&](Ids::iterator place) {
    const std::uint32_t id = *place;
    ids.erase(place);
    release(id);
    return true;
  };
  const auto find = [&](auto matches) {
    return std::find_if(ids.begin(), ids.end(),
                        [&](std::uint32_t id) { return matches(shared_[id].route); });
  };
  const Route& removed = message.route;
  auto place = find([&](const Route& known) { return known == removed; });
  if (place != ids.end()) return take(place);
  // One of several next hops of an IPv6 route.
  place = find([&](const Route& known) {
    return family_ == AddressFamily::kIpv6 && same_rank(known, removed) &&
           known.hops.size() > removed.hops.size() && has_all_hops(known, removed);
  });
  if (place == ids.end()) return false;
  Route rest = shared_[*place].route;
  std::erase_if(rest.hops, [&](const Hop& hop) { return has_hop(removed, hop); });
  const std::uint32_t id = acquire(rest);
  release(std::exchange(*place, id));
  return true;
}

std::size_t RouteStore::memory() const {
  std::size_t octets = 0;
  for (const auto& [id, table] : tables_) octets += table->memory();
  return octets;
}

}  // namespace ctflow
