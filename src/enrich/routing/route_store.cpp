// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/route_store.hpp"

#include <algorithm>
#include <utility>

#include "hash/mix.hpp"

namespace ctflow {
namespace {

std::size_t hash_of(const Route& route) {
  std::uint64_t hash = 0;
  const auto add = [&hash](std::uint64_t value) { hash = mix(hash ^ value); };
  add(route.metric);
  add(std::uint64_t{route.type} << 32 | route.order);
  add(route.nexthop_id);
  add(route.fingerprint);
  add(route.source.key.high);
  add(route.source.length);
  for (const Hop& hop : route.hops) {
    const PrefixKey gateway = PrefixKey::of(hop.gateway);
    add(gateway.high);
    add(gateway.low);
    add(hop.interface);
  }
  return static_cast<std::size_t>(hash);
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
  const std::uint32_t id = acquire_dead(route, kNever);
  by_hash_.emplace(hash, id);
  return id;
}

std::uint32_t RouteStore::acquire_dead(const Route& route, RoutingTime since) {
  if (free_shared_.empty()) {
    shared_.push_back({route, 1, since});
    return static_cast<std::uint32_t>(shared_.size() - 1);
  }
  const std::uint32_t id = free_shared_.back();
  free_shared_.pop_back();
  shared_[id] = {route, 1, since};
  return id;
}

void RouteStore::forget_hash(std::uint32_t id) {
  const auto [first, last] = by_hash_.equal_range(hash_of(shared_[id].route));
  by_hash_.erase(std::find_if(first, last, [id](const auto& known) { return known.second == id; }));
}

void RouteStore::kill(std::uint32_t id, RoutingTime now) {
  forget_hash(id);  // the same route made again is another one
  shared_[id].dead_since = now;
}

void RouteStore::release(std::uint32_t id) {
  Shared& shared = shared_[id];
  if (--shared.users > 0) return;
  if (shared.dead_since == kNever) forget_hash(id);
  shared.route = {};
  free_shared_.push_back(id);
}

void RouteStore::release_all(const Ids& ids) {
  for (const std::uint32_t id : ids) release(id);
}

void RouteStore::retain_all(const Ids& ids) {
  for (const std::uint32_t id : ids) ++shared_[id].users;
}

RouteStore::List RouteStore::open(PrefixTable::Value value) {
  if ((value & kList) == 0) return {{value}, {}};
  free_lists_.push_back(value & ~kList);
  return std::exchange(lists_[value & ~kList], {});
}

PrefixTable::Value RouteStore::close(List list) {
  if (list.now.size() == 1 && list.past.empty()) return list.now[0];
  if (free_lists_.empty()) {
    lists_.push_back(std::move(list));
    return static_cast<PrefixTable::Value>(lists_.size() - 1) | kList;
  }
  const std::uint32_t index = free_lists_.back();
  free_lists_.pop_back();
  lists_[index] = std::move(list);
  return index | kList;
}

void RouteStore::put(std::uint32_t table, const Prefix& prefix, PrefixTable::Value* value,
                     List list) {
  const auto found = tables_.find(table);
  const bool is_empty = list.now.empty() && list.past.empty();
  if (!is_empty) {
    const PrefixTable::Value closed = close(std::move(list));
    if (value != nullptr) {
      *value = closed;
    } else {
      found->second->insert(prefix.key, prefix.length, closed);
      if (largest_ == nullptr || found->second->size() > largest_->size()) {
        largest_ = found->second.get();
      }
    }
    return;
  }
  if (value != nullptr) found->second->erase(prefix.key, prefix.length);
  if (found->second->size() > 0) return;
  if (largest_ == found->second.get()) largest_ = nullptr;
  tables_.erase(found);
}

template <typename Apply>
void RouteStore::change(std::uint32_t table, const Prefix& prefix, RoutingTime now, Apply apply) {
  std::unique_ptr<PrefixTable>& prefixes = tables_[table];
  if (!prefixes) prefixes = std::make_unique<PrefixTable>();
  PrefixTable::Value* value = prefixes->find(prefix.key, prefix.length);
  List list = value == nullptr ? List{} : open(*value);
  if (now == kAlways) {
    size_ -= list.now.size();
    apply(list.now);
    size_ += list.now.size();
    put(table, prefix, value, std::move(list));
    return;
  }
  Ids before = list.now;
  retain_all(before);
  apply(list.now);
  size_ += list.now.size() - before.size();
  if (before == list.now) {
    release_all(before);
  } else {
    remember(list, std::move(before), {now, table, prefix});
  }
  put(table, prefix, value, std::move(list));
  trim(now);
}

void RouteStore::remember(List& list, Ids before, const Change& change) {
  list.past.push_back({std::move(before), change.when});
  changes_.push_back(change);
  if (list.past.size() > kChangesOfOnePrefix) forget_first(list, change, true);
}

void RouteStore::forget_first(List& list, const Change& change, bool early) {
  const Version& first = list.past.front();
  forgotten_prefixes_.add(change.table, change.prefix.key, change.prefix.length, first.until);
  release_all(first.ids);
  list.past.erase(list.past.begin());
  if (early) ++forgotten_;
}

void RouteStore::forget(const Change& change, bool early) {
  const auto found = tables_.find(change.table);
  if (found == tables_.end()) return;
  PrefixTable::Value* value = found->second->find(change.prefix.key, change.prefix.length);
  if (value == nullptr || (*value & kList) == 0) return;
  List list = open(*value);
  // One that was forgotten for the sake of its prefix's newer ones is among the changes still.
  if (!list.past.empty() && list.past.front().until <= change.when) {
    forget_first(list, change, early);
  }
  put(change.table, change.prefix, value, std::move(list));
}

void RouteStore::trim(RoutingTime now) {
  constexpr int kAtOnce = 64;  // a change is to take its time, not that of all before it
  const RoutingTime oldest = oldest_remembered(now);
  for (int i = 0; i < kAtOnce && !changes_.empty(); ++i) {
    const Change change = changes_.front();
    if (change.when > oldest && changes_.size() <= kChanges) return;
    changes_.pop_front();
    forget(change, change.when > oldest);
  }
}

void RouteStore::add(const RouteMessage& message, RoutingTime now) {
  goes_by_source_ = goes_by_source_ || message.route.source.length > 0;
  change(message.table, message.destination, now, [&](Ids& ids) { add_to(ids, message); });
}

void RouteStore::drop_dead(Ids& ids) {
  std::erase_if(ids, [this](std::uint32_t id) {
    if (shared_[id].dead_since == kNever) return false;
    release(id);
    return true;
  });
}

void RouteStore::add_to(Ids& ids, const RouteMessage& message) {
  drop_dead(ids);
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

bool RouteStore::remove(const RouteMessage& message, RoutingTime now) {
  const auto found = tables_.find(message.table);
  if (found == tables_.end()) return false;
  const Prefix& prefix = message.destination;
  if (found->second->find(prefix.key, prefix.length) == nullptr) return false;
  bool removed = false;
  change(message.table, prefix, now, [&](Ids& ids) { removed = remove_from(ids, message); });
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
  auto place = std::find_if(ids.begin(), ids.end(), [&](std::uint32_t id) {
    return shared_[id].dead_since == kNever && shared_[id].route == removed;
  });
  if (place != ids.end()) return take(place);
  place = find([&](const Route& known) { return known == removed; });  // taken for dead
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
