// SPDX-License-Identifier: GPL-2.0-or-later
// Which rows of accounting's database go, and when.
#pragma once

#include "ctflow/accounting_config.hpp"
#include "sqlite/sqlite.hpp"

namespace ctflow::accounting {

struct Pruned {
  int rows = 0;
  int keys = 0;
};

/// Whether keys that no row has any more go too. A program that writes rows knows the numbers of
/// keys and would use them again: only itself may remove them.
enum class UnusedKeys : std::uint8_t { kKeep, kRemove };

/// Removes the intervals that were over before the retention of their level. Within a transaction.
/// Throws SqliteError.
Pruned prune_rows(const Database& database, const AccountingRetention& keep, TimePoint now,
                  UnusedKeys unused);

}  // namespace ctflow::accounting
