// SPDX-License-Identifier: GPL-2.0-or-later
// When what is not remembered any more was changed for the last time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "enrich/routing/prefix_table.hpp"
#include "enrich/routing/routing_time.hpp"
#include "hash/mix.hpp"

namespace ctflow {

/// For each prefix of each table the time of the last change of its routes that was forgotten, or a
/// later one: prefixes share places. So a question about the past is refused only where the answer
/// may be wrong, and not because other routes change by the thousand.
class ForgottenPrefixes {
 public:
  void add(std::uint32_t table, const PrefixKey& key, unsigned length, RoutingTime when) {
    if (!times_) {
      times_ = std::make_unique<Times>();
      times_->fill(kAlways);
    }
    RoutingTime& time = (*times_)[place(table, key, length)];
    time = std::max(time, when);
    latest_ = std::max(latest_, when);
  }

  /// Whether at `time` the address may have had a route with a prefix of at least `length` bits
  /// that is not known any more.
  [[nodiscard]] bool concern(std::uint32_t table, const PrefixKey& address, unsigned length,
                             unsigned width, RoutingTime time) const {
    if (time >= latest_) return false;
    for (unsigned each = length; each <= width; ++each) {
      if ((*times_)[place(table, address.first(each), each)] > time) return true;
    }
    return false;
  }

  void inherit(const ForgottenPrefixes& older) {
    latest_ = older.latest_;
    times_ = older.times_ ? std::make_unique<Times>(*older.times_) : nullptr;
  }

 private:
  static constexpr unsigned kPlaceBits = 16;
  static constexpr std::size_t kPlaces = std::size_t{1} << kPlaceBits;
  using Times = std::array<RoutingTime, kPlaces>;

  static std::size_t place(std::uint32_t table, const PrefixKey& key, unsigned length) {
    const std::uint64_t prefixes = mix(std::uint64_t{table} << 8 | length);
    return slot_of(hash_words(key.high ^ prefixes, key.low), kPlaceBits);
  }

  std::unique_ptr<Times> times_;  ///< made when something is forgotten
  RoutingTime latest_ = kAlways;
};

}  // namespace ctflow
