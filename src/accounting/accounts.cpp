// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/accounts.hpp"

#include <algorithm>

#include "accounting/spread.hpp"

namespace ctflow::accounting {
namespace {

/// Cells of one table: the keys of each minute between two transactions, of which one may begin and
/// end within a minute.
std::size_t most_cells(const AccountingConfig& config, const AggregateConfig& aggregate) {
  constexpr std::int64_t kMostMinutes = 16;
  const auto count =
      std::chrono::duration_cast<std::chrono::minutes>(config.commit_interval).count() + 1;
  return aggregate.max_keys *
         static_cast<std::size_t>(std::clamp<std::int64_t>(count, 2, kMostMinutes));
}

}  // namespace

Batch::Batch(const AccountingConfig& config) {
  for (const AggregateConfig& one : config.aggregates) tables.emplace_back(most_cells(config, one));
}

void Batch::clear() {
  for (UsageTable& table : tables) table.clear();
  missing.clear();
  totals = {};
  flows = 0;
}

std::size_t Batch::rows() const {
  std::size_t count = 0;
  for (const UsageTable& table : tables) count += table.cells().size() + table.others().size();
  return count;
}

Accounts::Accounts(const AccountingConfig& config)
    : names_(config),
      kept_(std::chrono::duration_cast<std::chrono::minutes>(config.retention.minutes)) {
  for (const AggregateConfig& one : config.aggregates) {
    any_.add(selections_.emplace_back(one.by));
  }
}

Classified Accounts::classified(const Flow& flow, const Surroundings& surroundings,
                                const Neighbours& neighbours, const KeySelection& also) const {
  KeySelection wanted = any_;
  wanted.add(also);
  return classify(flow, surroundings, names_, neighbours, wanted);
}

void Accounts::add(const Classified& classified, const Flow& flow, TimePoint now, Batch& to) const {
  const TimePoint until = std::min(flow.end, now);
  const TimePoint from = std::min(flow.start, until);
  // Most reports are of one minute.
  const Minute minute = std::chrono::floor<std::chrono::minutes>(from);
  if (until <= minute + std::chrono::minutes(1) && now < minute + kept_) {
    for (std::size_t i = 0; i < selections_.size(); ++i) {
      to.tables[i].add(selections_[i].of(classified.key), minute, classified.direction,
                       classified.amounts);
    }
  } else if (add_spread(classified, from, until, now, to)) {
    ++to.missing[std::chrono::floor<std::chrono::minutes>(now) - kept_].late;
  }
  to.totals[static_cast<std::size_t>(classified.direction)] += classified.amounts;
  ++to.flows;
}

bool Accounts::add_spread(const Classified& classified, TimePoint from, TimePoint until,
                          TimePoint now, Batch& to) const {
  const Minute oldest = std::chrono::floor<std::chrono::minutes>(now) - kept_;
  bool late = false;
  for (std::size_t i = 0; i < selections_.size(); ++i) {
    const Key key = selections_[i].of(classified.key);
    UsageTable& table = to.tables[i];
    late = spread(classified.amounts, from, until, oldest, [&](Minute minute, const Amounts& part) {
      table.add(key, minute, classified.direction, part);
    });
  }
  return late;
}

}  // namespace ctflow::accounting
