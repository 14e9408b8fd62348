// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/unused.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "accounting/schema.hpp"

namespace ctflow::accounting {
namespace {

std::string since_name(std::int64_t aggregate) { return fmt::format("unused_since_{}", aggregate); }

}  // namespace

std::string not_counted_reason(std::int64_t aggregate) {
  return fmt::format("{}_{}", kNotCounted, aggregate);
}

std::optional<Minute> unused_since(const Database& database, std::int64_t aggregate) {
  const auto since = meta_value(database, since_name(aggregate));
  if (!since) return std::nullopt;
  return minute_at(*since);
}

void note_used(const Database& database, const std::vector<std::int64_t>& aggregates, Minute now) {
  std::vector<std::int64_t> all;
  Statement select(database, "SELECT id FROM aggregate");
  while (select.step()) all.push_back(select.number(0));
  Statement since(database, "INSERT OR IGNORE INTO meta VALUES(?, ?)");
  Statement used(database, "DELETE FROM meta WHERE name = ?");
  Statement gap(database, "INSERT OR IGNORE INTO gap VALUES(?, ?, ?)");
  for (const std::int64_t id : all) {
    const std::string name = since_name(id);
    if (std::find(aggregates.begin(), aggregates.end(), id) == aggregates.end()) {
      since.bind(1, name).bind(2, seconds_of(now)).run();
    } else if (const auto began = unused_since(database, id)) {
      // Of whole minutes: a part of each belongs to other settings.
      const Minute until = std::max(*began, now) + std::chrono::minutes(1);
      const std::string reason = not_counted_reason(id);
      gap.bind(1, seconds_of(*began)).bind(2, seconds_of(until)).bind(3, reason).run();
      used.bind(1, name).run();
    }
  }
}

}  // namespace ctflow::accounting
