// SPDX-License-Identifier: GPL-2.0-or-later
// What flow reports add to quotas, for /metrics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "accounting/calendar.hpp"
#include "accounting/key.hpp"

namespace ctflow::accounting {

/// Octets under each quota, by billing period.
class QuotaSums {
 public:
  [[nodiscard]] std::uint64_t of(const Interval& period, std::size_t quota) const;
  /// Keeps its memory.
  void clear();

 private:
  friend class Quotas;
  struct OfPeriod {
    Interval period;
    std::vector<std::uint64_t> octets;
  };

  std::vector<OfPeriod> periods_;  ///< one, but for reports around its beginning
};

/// What the database has of one period.
struct QuotasWritten {
  Interval period{};
  std::vector<std::uint64_t> octets{};
};

/// Those of networks, then those of devices, each in the order of the settings.
class Quotas {
 public:
  explicit Quotas(const AccountingConfig& config);

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] Interval period_of(Minute minute) const {
    return calendar_.interval_of(Level::kPeriod, minute);
  }

  /// Counts as `ctflowd report --over-quota` does: in and out, down and up. Allocates for a period
  /// that is new only.
  void add(const Key& key, Minute minute, Direction direction, const Amounts& amounts,
           QuotaSums& to) const;

 private:
  [[nodiscard]] std::vector<std::uint64_t>& octets_of(Minute minute, QuotaSums& to) const;

  Calendar calendar_;
  std::size_t count_ = 0;
  std::unordered_map<std::uint16_t, std::size_t> networks_;  ///< by number of the network
  std::unordered_map<std::uint64_t, std::size_t> devices_;   ///< by the first MAC address
};

}  // namespace ctflow::accounting
