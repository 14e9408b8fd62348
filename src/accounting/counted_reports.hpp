// SPDX-License-Identifier: GPL-2.0-or-later
// What was counted of connections in the table, in files that stay when the process is killed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "accounting/mapped_room.hpp"
#include "ctflow/flow.hpp"
#include "log/log.hpp"
#include "process/descriptor.hpp"

namespace ctflow::accounting {

/// After a kill a connection is reported again from where the state file has it, which was kept
/// after the last scan: collectors may not have got what was reported since. Here it was counted.
///
/// The files are generations; some checkpoints begin the next one and remove the oldest. Records
/// are stored in mapped room at their end, which takes a system call for a thousand of them. They
/// are not synchronised with the disk.
class CountedReports {
 public:
  /// Totals of a connection, as they are in the files. Elsewhere are zeros, or part of one.
  struct Record {
    std::uint64_t key = 0;
    Counters original_counters;
    Counters reply_counters;
    std::int64_t until = 0;  ///< Flow::end of the report, in nanoseconds
    std::uint64_t check = 0;
  };

  /// Reads what an earlier process left there. `prefix`: of the files' names. `undone`: checks of
  /// records that do not hold; they are taken out of the files.
  explicit CountedReports(std::string prefix, const std::vector<std::uint64_t>& undone = {});

  /// What is noted of a flow report of a connection in the table.
  [[nodiscard]] static Record record_of(const Flow& flow);
  /// To be called for each of them.
  void note(const Record& record);

  /// The flow report without what an earlier process has counted of it. Nothing: it counted none.
  [[nodiscard]] std::optional<Flow> without_counted(const Flow& flow) {
    if (left_.empty()) return std::nullopt;
    return without_left(flow);
  }

  /// The state file is about to have all that was noted. Writes nothing where that is nothing.
  void checkpoint();

 private:
  static constexpr unsigned kGenerations = 4;

  std::optional<Flow> without_left(const Flow& flow);
  void read_left(const std::vector<std::uint64_t>& undone);
  void begin_file();
  void begin_next_file();
  void append(const Record& record);
  bool make_room();
  void fail(int error);
  [[nodiscard]] std::string file_of(unsigned generation) const;

  std::string prefix_;
  Descriptor file_;
  std::uint64_t records_ = 0;  ///< in this file, or since it could not be opened
  MappedRoom room_;
  std::span<Record> free_;                          ///< the rest of it
  std::unordered_map<std::uint64_t, Record> left_;  ///< not reported since
  unsigned checkpoints_ = 0;
  unsigned checkpoints_of_file_ = 0;  ///< with something that was noted before
  bool noted_ = false;                ///< something, since the last checkpoint
  bool failed_ = false;               ///< as logged
};

}  // namespace ctflow::accounting
