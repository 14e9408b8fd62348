// SPDX-License-Identifier: GPL-2.0-or-later
// The files of a directory that are open for writing, and how long they are kept.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ctflow/clock.hpp"
#include "nat_log/day_file.hpp"
#include "process/descriptor.hpp"

namespace ctflow::nat {

class DayFiles {
 public:
  explicit DayFiles(std::string directory) : directory_(std::move(directory)) {}

  /// Makes the directory, and takes it for this process alone. Throws std::system_error; its code
  /// is std::errc::device_or_resource_busy while another process has it.
  void lock();

  [[nodiscard]] bool exists(Day day) const;
  [[nodiscard]] std::vector<Day> days() const { return list_days(directory_); }
  /// A sealed file has no translation that exists.
  [[nodiscard]] bool is_sealed(Day day) const;

  /// In a transaction that has begun. Makes the file if there is none. `durable` is that of
  /// DayFile::begin().
  DayFile& writable(Day day, MonoTime now, bool durable);

  /// Closes those whose names are those of other files by now, or of none. Returns whether that of
  /// `today` is among them.
  bool close_replaced(Day today);

  /// That of `last` after all others: it says until when these are written.
  void commit(Day last);
  void rollback() noexcept;

  /// Closes files that were not written to for a minute, but for that of `today`.
  void close_idle(Day today, MonoTime now);

  [[nodiscard]] static bool is_old(Day day, std::chrono::days retention, Moment now) {
    return Moment(day + std::chrono::days(1) + retention) <= now;
  }
  /// Removes the files of days that ended `retention` before `now`. Returns how many.
  std::size_t remove_old(std::chrono::days retention, Moment now);

 private:
  struct Open {
    std::unique_ptr<DayFile> file;
    MonoTime used{};
  };
  [[nodiscard]] std::string path(Day day) const { return directory_ + "/" + file_name(day); }

  std::string directory_;
  Descriptor lock_;
  std::map<Day, Open> open_;
};

}  // namespace ctflow::nat
