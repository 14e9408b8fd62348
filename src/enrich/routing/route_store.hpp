// SPDX-License-Identifier: GPL-2.0-or-later
// The routes of all tables of one address family, with those that were removed lately.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "enrich/routing/forgotten_prefixes.hpp"
#include "enrich/routing/prefix_table.hpp"
#include "enrich/routing/routing_message.hpp"
#include "enrich/routing/routing_time.hpp"

namespace ctflow {

/// Whether the kernel has no reason to take one rather than the other.
inline bool same_rank(const Route& one, const Route& other) {
  return one.metric == other.metric && one.order == other.order && one.source == other.source;
}

/// Keeps for each prefix the routes that it has, in the kernel's order, and those that it had
/// before each change of the last kRemembered. Equal routes are stored once: a full table has a
/// million prefixes, but few ways to go.
class RouteStore {
 public:
  /// Changes beyond these are forgotten early.
  static constexpr std::size_t kChanges = 65536;
  static constexpr std::size_t kChangesOfOnePrefix = 64;

  explicit RouteStore(AddressFamily family) : family_(family) {}

  /// The routes of one prefix as of one time, by metric.
  class Routes {
   public:
    Routes(const RouteStore& store, const std::uint32_t* ids, std::size_t size, RoutingTime time)
        : store_(store), ids_(ids), size_(size), time_(time) {}
    [[nodiscard]] std::size_t size() const { return size_; }
    const Route& operator[](std::size_t index) const { return store_.shared_[ids_[index]].route; }
    /// Whether the kernel dropped it in silence.
    [[nodiscard]] bool is_dead(std::size_t index) const {
      return store_.shared_[ids_[index]].dead_since <= time_;
    }

   private:
    const RouteStore& store_;
    const std::uint32_t* ids_;
    std::size_t size_;
    RoutingTime time_;
  };

  /// Adds or replaces a route as the kernel did; one that is there already changes nothing. `now`
  /// is kAlways while the kernel's routes are read: then nothing is remembered.
  void add(const RouteMessage& message, RoutingTime now = kAlways);
  /// False: there was no such route.
  bool remove(const RouteMessage& message, RoutingTime now = kAlways);
  /// Takes all routes that `is_dead(route)` says for removed, whatever their prefix. True: some
  /// were.
  template <typename IsDead>
  bool bury(IsDead is_dead, RoutingTime now) {
    bool any = false;
    for (std::uint32_t id = 0; id < shared_.size(); ++id) {
      const Shared& shared = shared_[id];
      if (shared.users == 0 || shared.dead_since != kNever || !is_dead(shared.route)) continue;
      kill(id, now);
      any = true;
    }
    return any;
  }

  /// Finds the longest prefix of `destination` in `table` whose routes `accept(Routes)` takes, as
  /// of `time`.
  template <typename Accept>
  [[nodiscard]] PrefixTable::Match longest(std::uint32_t table, const PrefixKey& destination,
                                           RoutingTime time, Accept accept) const {
    const auto found = tables_.find(table);
    if (found == tables_.end()) return {};
    return found->second->longest(destination, [&](PrefixTable::Value value) {
      if ((value & kList) == 0) return accept(Routes(*this, &value, 1, time));
      const Ids& ids = lists_[value & ~kList].at(time);
      return !ids.empty() && accept(Routes(*this, ids.data(), ids.size(), time));
    });
  }
  /// Of the table with the most prefixes, if it does not fit the processor's caches anyway: see
  /// PrefixTable::prefetch(). Null: there is none.
  [[nodiscard]] const PrefixTable* large_table() const {
    return largest_ != nullptr && largest_->size() >= kLarge ? largest_ : nullptr;
  }
  /// Whether longest() may have missed a prefix of at least `length` bits that is forgotten.
  [[nodiscard]] bool forgot(std::uint32_t table, const PrefixKey& destination, unsigned length,
                            RoutingTime time) const {
    const unsigned width = family_ == AddressFamily::kIpv4 ? 32 : 128;
    return forgotten_prefixes_.concern(table, destination, length, width, time);
  }

  /// Whether a route is, or once was, for packets from some sources only.
  [[nodiscard]] bool goes_by_source() const { return goes_by_source_; }
  [[nodiscard]] std::size_t size() const { return size_; }  ///< routes
  [[nodiscard]] std::size_t tables() const { return tables_.size(); }
  /// Octets taken from the system for prefixes.
  [[nodiscard]] std::size_t memory() const;
  /// Changes forgotten before their time.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

  /// Takes over what `older` remembers; what it has and this has not is over at `now`.
  void inherit(const RouteStore& older, RoutingTime now);

 private:
  using Ids = std::vector<std::uint32_t>;

  struct Shared {
    Route route;
    std::uint32_t users = 0;
    RoutingTime dead_since = kNever;
  };
  /// What a prefix had until something was changed.
  struct Version {
    Ids ids;
    RoutingTime until;
  };
  struct List {
    Ids now;
    std::vector<Version> past;  ///< by time

    [[nodiscard]] const Ids& at(RoutingTime time) const {
      const Ids* ids = &now;
      for (std::size_t i = past.size(); i-- > 0 && past[i].until > time;) ids = &past[i].ids;
      return *ids;
    }
  };
  struct Change {
    RoutingTime when;
    std::uint32_t table;
    Prefix prefix;
  };
  /// Ids of `older` as ids of a store that inherits from it.
  class Translation;

  static constexpr std::size_t kLarge = 16384;      ///< prefixes
  static constexpr std::uint32_t kList = 1U << 31;  ///< the value is an index of lists_

  std::uint32_t acquire(const Route& route);
  std::uint32_t acquire_dead(const Route& route, RoutingTime since);
  void release(std::uint32_t id);
  void release_all(const Ids& ids);
  void retain_all(const Ids& ids);
  void kill(std::uint32_t id, RoutingTime now);
  void forget_hash(std::uint32_t id);

  /// The list that a value stands for, and the other way round.
  List open(PrefixTable::Value value);
  PrefixTable::Value close(List list);
  /// Puts a list, empty ones not at all, where `value` pointed; null: there was none.
  void put(std::uint32_t table, const Prefix& prefix, PrefixTable::Value* value, List list);

  /// Applies `change(ids)` to the routes of a prefix and remembers what they were.
  template <typename Apply>
  void change(std::uint32_t table, const Prefix& prefix, RoutingTime now, Apply apply);
  void remember(List& list, Ids before, const Change& change);
  void forget(const Change& change, bool early);
  void forget_first(List& list, const Change& change, bool early);
  void trim(RoutingTime now);

  void drop_dead(Ids& ids);
  void add_to(Ids& ids, const RouteMessage& message);
  [[nodiscard]] std::size_t replaced_by(const Ids& ids, const RouteMessage& message) const;
  void insert_in_order(Ids& ids, const RouteMessage& message);
  bool remove_from(Ids& ids, const RouteMessage& message);
  void inherit_prefix(std::uint32_t table, const Prefix& prefix, const List& list,
                      Translation& translation, RoutingTime now);

  AddressFamily family_;
  std::unordered_map<std::uint32_t, std::unique_ptr<PrefixTable>> tables_;
  const PrefixTable* largest_ = nullptr;  ///< of tables_; null after that was removed
  std::vector<Shared> shared_;
  std::vector<std::uint32_t> free_shared_;
  std::unordered_multimap<std::size_t, std::uint32_t> by_hash_;
  std::vector<List> lists_;
  std::vector<std::uint32_t> free_lists_;
  std::deque<Change> changes_;  ///< one for each version, by time
  ForgottenPrefixes forgotten_prefixes_;
  std::uint64_t forgotten_ = 0;
  std::size_t size_ = 0;
  bool goes_by_source_ = false;
};

}  // namespace ctflow
