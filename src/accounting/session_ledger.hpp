// SPDX-License-Identifier: GPL-2.0-or-later
// What a process has counted, and what of it its transactions wrote, in a file that stays when it
// is killed: the difference is what the kill cost.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "accounting/amounts.hpp"
#include "process/descriptor.hpp"

namespace ctflow::accounting {

/// Since the process, or the reload, that they are of.
struct SessionTotals {
  std::array<Amounts, kDirections> amounts{};
  std::uint64_t flows = 0;

  friend bool operator==(const SessionTotals&, const SessionTotals&) = default;
};

/// Locked while it lives, or its process. The file is not synchronised: it survives a kill, not a
/// power cut.
class SessionLedger {
 public:
  /// At session_file(), with a name of its own. Throws std::system_error.
  explicit SessionLedger(const std::string& prefix);
  /// The file stays.
  ~SessionLedger();

  SessionLedger(const SessionLedger&) = delete;
  SessionLedger& operator=(const SessionLedger&) = delete;
  SessionLedger(SessionLedger&&) = delete;
  SessionLedger& operator=(SessionLedger&&) = delete;

  [[nodiscard]] const std::string& id() const { return id_; }

  /// A flow report of this direction is about to be added. `record`: the check of what is noted of
  /// it meanwhile, 0 for nothing. A kill before the end of add() leaves it in no sum, and the
  /// record undone.
  void begin(Direction direction, std::uint64_t record);
  void add(Direction direction, const Amounts& amounts);
  [[nodiscard]] SessionTotals totals() const;

  /// So much is in a database for good. For the thread that writes it, beside the others. A kill
  /// leaves this or what was noted before.
  void note_written(const SessionTotals& totals);

 private:
  std::string file_;
  std::string id_;
  Descriptor descriptor_;
  std::span<std::uint64_t> words_;
};

/// One that a process left behind; locked against others that look for them.
struct LeftSession {
  std::string file;
  std::string id;
  SessionTotals totals;
  /// Of these, what it had written, whatever became of the database. Zeros in files of earlier
  /// versions. A kill right behind a commit leaves what was written before it.
  std::array<Amounts, kDirections> written{};
  std::uint64_t undone = 0;  ///< the record of SessionLedger::begin(), where add() did not end
  Descriptor lock;
};

/// Begins the names of files that a kill leaves. In the runtime directory, because they change all
/// the time, which would wear a flash memory; where there is none that of the database. To be asked
/// once: the directory may be made later.
std::string session_prefix(const std::string& database);

/// Where the ledger of a session is.
std::string session_file(const std::string& prefix, const std::string& id);

/// The process of this session is gone for sure, wherever its file may be. True of those of earlier
/// versions, whose names do not say it.
bool is_of_another_boot(const std::string& id);

/// Of processes that are gone. `another_runs`: one is not, or this one has another session.
std::vector<LeftSession> left_sessions(const std::string& prefix, bool& another_runs);

}  // namespace ctflow::accounting
