// SPDX-License-Identifier: GPL-2.0-or-later
// RouteStore::inherit(): a store that was read anew takes over what the one before it remembers.
#include <utility>

#include "enrich/routing/route_store.hpp"

namespace ctflow {

/// Keeps each id that it translated in use until it is gone, so that the translation stays true.
class RouteStore::Translation {
 public:
  Translation(const RouteStore& from, RouteStore& to)
      : from_(from), to_(to), known_(from.shared_.size(), kUnknown) {}
  ~Translation() {
    for (const std::uint32_t id : known_) {
      if (id != kUnknown) to_.release(id);
    }
  }
  Translation(const Translation&) = delete;
  Translation& operator=(const Translation&) = delete;
  Translation(Translation&&) = delete;
  Translation& operator=(Translation&&) = delete;

  /// Without a use of its own.
  std::uint32_t look_up(std::uint32_t id) {
    std::uint32_t& known = known_[id];
    if (known == kUnknown) {
      const Shared& shared = from_.shared_[id];
      known = shared.dead_since == kNever ? to_.acquire(shared.route)
                                          : to_.acquire_dead(shared.route, shared.dead_since);
    }
    return known;
  }

  Ids operator()(const Ids& ids) {
    Ids translated;
    translated.reserve(ids.size());
    for (const std::uint32_t id : ids) translated.push_back(look_up(id));
    to_.retain_all(translated);
    return translated;
  }

 private:
  static constexpr std::uint32_t kUnknown = 0xffff'ffff;

  const RouteStore& from_;
  RouteStore& to_;
  std::vector<std::uint32_t> known_;
};

void RouteStore::inherit_prefix(std::uint32_t table, const Prefix& prefix, const List& list,
                                Translation& translation, RoutingTime now) {
  std::unique_ptr<PrefixTable>& prefixes = tables_[table];
  if (!prefixes) prefixes = std::make_unique<PrefixTable>();
  PrefixTable::Value* value = prefixes->find(prefix.key, prefix.length);
  List mine = value == nullptr ? List{} : open(*value);
  for (const Version& version : list.past) {
    mine.past.push_back({translation(version.ids), version.until});
  }
  Ids before = translation(list.now);
  if (before == mine.now) {
    release_all(before);
  } else {
    remember(mine, std::move(before), {now, table, prefix});
  }
  put(table, prefix, value, std::move(mine));
}

void RouteStore::inherit(const RouteStore& older, RoutingTime now) {
  forgotten_prefixes_.inherit(older.forgotten_prefixes_);
  forgotten_ += older.forgotten_;
  changes_ = older.changes_;
  Translation translation(older, *this);
  for (const auto& [table, prefixes] : older.tables_) {
    prefixes->for_each_prefix(
        [&, table = table](const PrefixKey& key, unsigned length, PrefixTable::Value value) {
          const auto mine = tables_.find(table);
          if ((value & kList) == 0 && mine != tables_.end()) {
            // The usual case of a million: one route, the same as ever.
            const PrefixTable::Value* same = mine->second->find(key, length);
            if (same != nullptr && *same == translation.look_up(value)) return;
          }
          const Prefix prefix{key, static_cast<std::uint8_t>(length)};
          if ((value & kList) != 0) {
            inherit_prefix(table, prefix, older.lists_[value & ~kList], translation, now);
          } else {
            inherit_prefix(table, prefix, {{value}, {}}, translation, now);
          }
        });
  }
  do {
    trim(now);
  } while (changes_.size() > kChanges);  // what both remember may be twice that
}

}  // namespace ctflow
