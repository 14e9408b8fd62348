// SPDX-License-Identifier: GPL-2.0-or-later
// The database, for writing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accounting/device_names.hpp"
#include "accounting/session_ledger.hpp"
#include "accounting/usage_rows.hpp"
#include "ctflow/clock.hpp"

namespace ctflow::accounting {

/// The process, or reload, that writes.
struct Session {
  std::string id{};      ///< empty: it has no ledger
  std::string prefix{};  ///< of its files; empty: that of the database
  /// Held, so that no process takes the session for one that has ended while it may still write: a
  /// disk can keep the writer's thread beyond the output. It gets what was written. Null: as for
  /// `id`, or the caller holds it.
  std::shared_ptr<SessionLedger> ledger{};
  std::vector<LeftSession> left{};  ///< of others that ended before they had written everything
  bool continues = false;           ///< another of the same database still runs: a reload
  TimePoint started{};
};

/// What one transaction writes.
struct Job {
  std::unique_ptr<Batch> batch{};
  InterfaceTexts interfaces{};
  std::shared_ptr<const DeviceNames> device_names{};  ///< null: there are none
  SessionTotals totals{};                             ///< of the session, with this batch
  Instant now{};
};

class Store {
 public:
  /// Opens nothing yet. `config`: with the database of the namespace.
  Store(AccountingConfig config, std::shared_ptr<const Accounts> accounts, Session session);

  /// One transaction. Throws SqliteError or std::runtime_error: then nothing of it is kept, and it
  /// can be tried again.
  void write(const Job& job);

  /// Everything that was given is written. If that is all that was counted, the session and the
  /// file of its ledger leave nothing to look for. Throws the same.
  void end_session();

  /// Octets that other sessions had counted and not written; entered as `uncounted`.
  [[nodiscard]] std::uint64_t recovered() const { return recovered_; }
  /// What there is of quotas after the last transaction; null: there are none, the clock is not
  /// set, or the database could not be read.
  [[nodiscard]] std::shared_ptr<const QuotasWritten> quotas() const { return quotas_; }
  /// Rows that were added to `other` because an interval had too many.
  [[nodiscard]] std::uint64_t merged() const { return merged_; }

 private:
  void open();
  void begin_anew();
  void in_transaction(const std::function<void()>& work);
  void note_settings(const Job& job);
  void begin_session(const Job& job);
  /// Where the last transaction was by a clock that was not set, and this one is not.
  void note_clock_set(const Job& job);
  void add_gap(Minute from, Minute until);
  void recover(const LeftSession& left, Minute at);
  [[nodiscard]] Amounts noted_totals(const std::string& session, std::size_t direction) const;
  /// Those that nothing will look for: this process has removed their files, or they are of a boot
  /// before, and no file is where it looks for them.
  void forget_sessions();
  [[nodiscard]] bool has_file(const std::string& session) const;
  [[nodiscard]] std::string file_of(const std::string& session) const;
  void note_totals(const std::string& session, const SessionTotals& totals);
  void enter(const Job& job);
  void name_devices(const Job& job);
  /// Those that no row has, and no file or setting names any more.
  void forget_names(const Job& job);
  void note_session(const Job& job);
  /// Whether another one writes by turns, which counts the same connections.
  void watch_writers(const Job& job);
  void prune(const Job& job);
  void read_quotas(const Instant& now);
  [[nodiscard]] std::optional<Minute> last_commit() const;
  /// Minutes before it are not kept.
  [[nodiscard]] Minute oldest(const Job& job) const;

  AccountingConfig config_;
  std::shared_ptr<const Accounts> accounts_;
  Calendar calendar_;
  Session session_;
  std::optional<Database> database_;
  std::optional<UsageRows> rows_;
  std::shared_ptr<const DeviceNames> named_{};  ///< as they were written
  std::shared_ptr<const QuotasWritten> quotas_{};
  SessionTotals written_{};  ///< of the session, with the last transaction
  bool begun_ = false;
  std::vector<std::string> recovered_sessions_{};  ///< of the transaction before; without files now
  int taken_over_ = 0;  ///< transactions before which another session had written
  bool shared_logged_ = false;
  bool quotas_unreadable_ = false;  ///< as logged
  std::uint64_t recovered_ = 0;
  std::uint64_t merged_ = 0;
  std::optional<Instant> before_;  ///< the last transaction
  MonoTime even_since_{};          ///< since then the clock was not set
  MonoTime pruned_{};
};

}  // namespace ctflow::accounting
