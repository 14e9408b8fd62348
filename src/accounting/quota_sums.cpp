// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/quota_sums.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace ctflow::accounting {

std::uint64_t QuotaSums::of(const Interval& period, std::size_t quota) const {
  for (const OfPeriod& one : periods_) {
    if (one.period == period) return one.octets[quota];
  }
  return 0;
}

void QuotaSums::clear() {
  constexpr std::size_t kUsual = 2;
  if (periods_.size() > kUsual) periods_.clear();
  for (OfPeriod& one : periods_) std::fill(one.octets.begin(), one.octets.end(), 0);
}

Quotas::Quotas(const AccountingConfig& config) : calendar_(calendar_of(config)) {
  std::uint16_t number = 0;
  std::unordered_map<std::string, std::size_t> by_name;
  for (const NamedNetworks& one : config.networks) {
    ++number;
    if (one.quota == 0) continue;
    by_name.emplace(one.name, count_);
    networks_.emplace(number, count_++);
  }
  // More networks of the same name: their rows are those of that, too.
  for (const NamedNetworks& one : config.networks_in_file) {
    ++number;
    if (const auto found = by_name.find(one.name); found != by_name.end()) {
      networks_.emplace(number, found->second);
    }
  }
  for (const NamedDevice& one : config.devices) {
    if (one.quota > 0) devices_.emplace(one.addresses.front(), count_++);
  }
}

void Quotas::add(const Key& key, Minute minute, Direction direction, const Amounts& amounts,
                 QuotaSums& to) const {
  if (count_ == 0 || (direction != Direction::kIn && direction != Direction::kOut)) return;
  const auto add_to = [&](std::size_t quota) { octets_of(minute, to)[quota] += amounts.octets(); };
  if (const auto found = networks_.find(key.network); found != networks_.end()) {
    add_to(found->second);
  }
  if (const auto found = devices_.find(key.device); found != devices_.end()) {
    add_to(found->second);
  }
}

std::vector<std::uint64_t>& Quotas::octets_of(Minute minute, QuotaSums& to) const {
  for (QuotaSums::OfPeriod& one : to.periods_) {
    if (minute >= one.period.from && minute < one.period.until) return one.octets;
  }
  return to.periods_
      .emplace_back(QuotaSums::OfPeriod{period_of(minute), std::vector<std::uint64_t>(count_)})
      .octets;
}

}  // namespace ctflow::accounting
