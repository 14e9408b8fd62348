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
  return static_cast<std::size_t>(aggregate.max_keys) *
         static_cast<std::size_t>(std::clamp<std::int64_t>(count, 2, kMostMinutes));
}

/// What was gathered for these rows.
void enter_gathered(std::size_t slot, Batch& to) {
  if (!to.recent.has_more(slot)) return;
  const Amounts amounts = to.recent.take(slot);
  const auto numbers = to.recent.rows(slot);
  for (std::size_t i = 0; i < numbers.size(); ++i) to.tables[i].add_to(numbers[i], amounts);
}

}  // namespace

Batch::Batch(const AccountingConfig& config) : recent(config.aggregates.size()) {
  for (const AggregateConfig& one : config.aggregates) tables.emplace_back(most_cells(config, one));
}

void Batch::settle() {
  recent.for_each_with_more([this](std::size_t slot) { enter_gathered(slot, *this); });
}

void Batch::clear() {
  settle();
  for (UsageTable& table : tables) table.clear();
  missing.clear();
  causes.clear();
  quotas.clear();
  totals = {};
  flows = 0;
  recent.forget_all();
}

std::size_t Batch::rows() const {
  std::size_t count = 0;
  for (const UsageTable& table : tables) count += table.cells().size() + table.others().size();
  return count;
}

std::uint64_t Batch::merged() const {
  std::uint64_t count = 0;
  for (const UsageTable& table : tables) count += table.merged();
  return count;
}

Accounts::Accounts(const AccountingConfig& config)
    : names_(config),
      quotas_(config),
      kept_(std::chrono::duration_cast<std::chrono::minutes>(config.retention.minutes)) {
  for (const AggregateConfig& one : config.aggregates) {
    any_.add(selections_.emplace_back(one.by));
  }
}

void Accounts::add(const Classified& classified, const Flow& flow, TimePoint now, Batch& to) const {
  const TimePoint until = std::min(flow.end, now);
  const TimePoint from = std::min(flow.start, until);
  const Key key = any_.of(classified.key);
  const Direction direction = classified.direction;
  // Most reports are of one minute.
  const Minute minute = std::chrono::floor<std::chrono::minutes>(from);
  if (until <= minute + std::chrono::minutes(1) && now < minute + kept_) {
    add_rows({key, minute, direction}, classified.amounts, to);
  } else {
    const Minute oldest = std::chrono::floor<std::chrono::minutes>(now) - kept_;
    const auto take = [&](Minute at, const Amounts& part) {
      add_rows({key, at, direction}, part, to);
    };
    if (spread(classified.amounts, from, until, oldest, take)) ++to.missing[oldest].late;
  }
  to.totals[static_cast<std::size_t>(direction)] += classified.amounts;
  ++to.flows;
}

void Accounts::add_rows(const RecentRows::Of& row, const Amounts& amounts, Batch& to) const {
  quotas_.add(row.key, row.minute, row.direction, amounts, to.quotas);
  const std::size_t slot = RecentRows::slot_of(row);
  if (to.recent.holds(slot, row)) return to.recent.gather(slot, amounts);
  // Which cells make room depends on all that they have.
  const auto is_full = [](const UsageTable& table) { return table.full(); };
  if (std::any_of(to.tables.begin(), to.tables.end(), is_full)) to.settle();
  enter_gathered(slot, to);
  to.recent.forget(slot);
  const auto numbers = to.recent.rows(slot);
  const std::uint64_t merged = to.merged();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = to.tables[i].add(selections_[i].of(row.key), row.minute, row.direction, amounts);
  }
  if (to.merged() != merged) to.recent.forget_all();
  to.recent.remember(slot, row);
}

}  // namespace ctflow::accounting
