// SPDX-License-Identifier: GPL-2.0-or-later
// The rows of the database: what is added to which interval under which key.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "accounting/accounts.hpp"
#include "accounting/calendar.hpp"
#include "accounting/key_text.hpp"
#include "accounting/schema.hpp"
#include "accounting/session_ledger.hpp"

namespace ctflow::accounting {

/// All functions throw SqliteError, and are called within a transaction.
class UsageRows {
 public:
  UsageRows(const Database& database, const AccountingConfig& config, const Accounts& accounts,
            const Calendar& calendar);

  /// `now`: an aggregate that is new has rows since then.
  void find_aggregates(Minute now);
  /// What was found: those of the settings.
  [[nodiscard]] const std::vector<std::int64_t>& aggregates() const { return ids_; }

  /// What is older than `oldest` is entered there. Returns how many cells were.
  std::uint64_t add(std::size_t aggregate, const UsageTable& table, Minute oldest,
                    const InterfaceTexts& interfaces);
  /// What is counted, and under no key.
  void add_uncounted(Minute minute, Direction direction, const Amounts& amounts);
  void add_missing(Minute minute, const Missing& missing);
  void add_causes(Minute minute, const Causes& causes);

  /// To the end of the transaction: keeps within max_keys the intervals that were added to. Returns
  /// how many rows were added to `other`.
  std::uint64_t trim();

  /// After a transaction that failed, or that removed keys.
  void forget_keys();

 private:
  struct Touched {
    Level level = Level::kMinute;
    std::int64_t aggregate = 0;
    std::int64_t time = 0;
    std::size_t index = 0;
    friend bool operator<(const Touched& one, const Touched& other) {
      return std::tie(one.level, one.aggregate, one.time) <
             std::tie(other.level, other.aggregate, other.time);
    }
  };

  const Interval& interval_of(Level level, Minute minute);
  /// An interface that was renamed has other keys from now on.
  void note_interfaces(const InterfaceTexts& interfaces);
  std::int64_t key_of(std::size_t aggregate, KeyKind kind, const Key& key,
                      const InterfaceTexts& interfaces);
  std::int64_t find_key(std::size_t aggregate, KeyKind kind, const Key& key,
                        const InterfaceTexts& interfaces);
  void bind_key(Statement& statement, std::size_t aggregate, KeyKind kind, const Key& key,
                const InterfaceTexts& interfaces);
  void enter(std::size_t aggregate, std::int64_t key, Minute minute, Direction direction,
             const Amounts& amounts);
  std::uint64_t trim_one(const Touched& one);

  const Database& database_;
  const AccountingConfig& config_;
  const Accounts& accounts_;
  const Calendar& calendar_;
  Statement add_usage_;
  Statement add_interval_;
  Statement add_cause_;
  Statement insert_key_;
  Statement select_key_;
  std::vector<std::int64_t> ids_;                                     ///< of the aggregates
  std::vector<std::unordered_map<Key, std::int64_t, KeyHash>> keys_;  ///< by aggregate
  std::vector<std::int64_t> other_keys_;
  InterfaceTexts interfaces_;  ///< the names that keys_ were found by
  std::array<std::map<Minute, Interval>, kLevels> intervals_;  ///< of minutes, as computed
  std::set<Touched> touched_;
};

}  // namespace ctflow::accounting
