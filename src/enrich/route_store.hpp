// SPDX-License-Identifier: GPL-2.0-or-later
// The routes of all tables of one address family.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "enrich/prefix_table.hpp"
#include "enrich/routing_message.hpp"

namespace ctflow {

/// Whether the kernel has no reason to take one rather than the other.
inline bool same_rank(const Route& one, const Route& other) {
  return one.metric == other.metric && one.order == other.order && one.source == other.source;
}

/// Keeps for each prefix the routes that it has, in the kernel's order. Equal routes are stored
/// once: a full table has a million prefixes, but few ways to go.
class RouteStore {
 public:
  explicit RouteStore(AddressFamily family) : family_(family) {}

  /// The routes of one prefix, by metric.
  class Routes {
   public:
    Routes(const RouteStore& store, const std::uint32_t* ids, std::size_t size)
        : store_(store), ids_(ids), size_(size) {}
    [[nodiscard]] std::size_t size() const { return size_; }
    const Route& operator[](std::size_t index) const { return store_.shared_[ids_[index]].route; }

   private:
    const RouteStore& store_;
    const std::uint32_t* ids_;
    std::size_t size_;
  };

  /// Adds or replaces a route as the kernel did; one that is there already changes nothing.
  void add(const RouteMessage& message);
  /// False: there was no such route.
  bool remove(const RouteMessage& message);

  /// Finds the longest prefix of `destination` in `table` whose routes `accept(Routes)` takes.
  template <typename Accept>
  [[nodiscard]] PrefixTable::Match longest(std::uint32_t table, const PrefixKey& destination,
                                           Accept accept) const {
    const auto found = tables_.find(table);
    if (found == tables_.end()) return {};
    return found->second->longest(destination, [&](PrefixTable::Value value) {
      if ((value & kList) == 0) return accept(Routes(*this, &value, 1));
      const Ids& ids = lists_[value & ~kList];
      return accept(Routes(*this, ids.data(), ids.size()));
    });
  }

  [[nodiscard]] std::size_t size() const { return size_; }  ///< routes
  [[nodiscard]] std::size_t tables() const { return tables_.size(); }
  /// Octets taken from the system for prefixes.
  [[nodiscard]] std::size_t memory() const;

 private:
  using Ids = std::vector<std::uint32_t>;

  struct Shared {
    Route route;
    std::uint32_t users = 0;
  };

  static constexpr std::uint32_t kList = 1U << 31;  ///< the value is an index of lists_

  std::uint32_t acquire(const Route& route);
  void release(std::uint32_t id);
  /// The ids that a value stands for, and the other way round.
  Ids open(PrefixTable::Value value);
  PrefixTable::Value close(Ids ids);

  void add_to(Ids& ids, const RouteMessage& message);
  [[nodiscard]] std::size_t replaced_by(const Ids& ids, const RouteMessage& message) const;
  void insert_in_order(Ids& ids, const RouteMessage& message);
  bool remove_from(Ids& ids, const RouteMessage& message);

  AddressFamily family_;
  std::unordered_map<std::uint32_t, std::unique_ptr<PrefixTable>> tables_;
  std::vector<Shared> shared_;
  std::vector<std::uint32_t> free_shared_;
  std::unordered_multimap<std::size_t, std::uint32_t> by_hash_;
  std::vector<Ids> lists_;
  std::vector<std::uint32_t> free_lists_;
  std::size_t size_ = 0;
};

}  // namespace ctflow
