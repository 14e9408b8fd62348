// SPDX-License-Identifier: GPL-2.0-or-later
// What was counted of connections in the table, in files that stay when the process is killed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "ctflow/flow.hpp"
#include "log/log.hpp"
#include "process/descriptor.hpp"

namespace ctflow::accounting {

/// After a kill a connection is reported again from where the state file has it, which was kept
/// after the last scan: collectors may not have got what was reported since. Here it was counted.
///
/// The files are generations; a checkpoint begins the next one and removes the oldest. They are not
/// synchronised with the disk.
class CountedReports {
 public:
  /// Reads what an earlier process left there. `prefix`: of the files' names.
  explicit CountedReports(std::string prefix);

  /// To be called with each flow report of a connection in the table, before it is counted.
  void note(const Flow& flow);

  /// The flow report without what an earlier process has counted of it. Nothing: it counted none.
  [[nodiscard]] std::optional<Flow> without_counted(const Flow& flow) {
    if (left_.empty()) return std::nullopt;
    return without_left(flow);
  }

  /// The state file is about to have all that was noted.
  void checkpoint();

 private:
  /// Totals of a connection, as they are in the files.
  struct Record {
    std::uint64_t key = 0;
    Counters original_counters;
    Counters reply_counters;
    std::int64_t until = 0;  ///< Flow::end of the report, in nanoseconds
    std::uint64_t check = 0;
  };
  static constexpr unsigned kGenerations = 4;

  std::optional<Flow> without_left(const Flow& flow);
  void read_left();
  void begin_file();
  void write(Record record);
  void fail(int error);
  [[nodiscard]] std::string file_of(unsigned generation) const;
  static std::uint64_t check_of(const Record& record);

  std::string prefix_;
  Descriptor file_;
  std::uint64_t records_ = 0;                       ///< in this file
  std::unordered_map<std::uint64_t, Record> left_;  ///< not reported since
  unsigned checkpoints_ = 0;
  bool failed_ = false;  ///< as logged
};

}  // namespace ctflow::accounting
