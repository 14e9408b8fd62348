// SPDX-License-Identifier: GPL-2.0-or-later
// The directory in which a collector's spool files are.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "process/descriptor.hpp"
#include "transport/spool/spool_files.hpp"

namespace ctflow {

/// Files are called `COLLECTOR-NUMBER.spool`, so that collectors can share a directory; the process
/// that holds the lock on `COLLECTOR.lock` owns them.
class SpoolDirectory {
 public:
  /// Of a file. Those of a greater one are of others: no file could follow them.
  static constexpr std::uint64_t kLastNumber = UINT64_MAX / 2;

  SpoolDirectory(std::string name, std::string collector, SpoolFiles& files);
  ~SpoolDirectory() = default;

  SpoolDirectory(const SpoolDirectory&) = delete;
  SpoolDirectory& operator=(const SpoolDirectory&) = delete;
  SpoolDirectory(SpoolDirectory&&) = delete;
  SpoolDirectory& operator=(SpoolDirectory&&) = delete;

  /// Busy (EAGAIN) while another process has it.
  std::error_code lock();
  /// With the lock: takes it anew where its file was removed or replaced, before another process
  /// does. Busy, and still locked, if one has.
  std::error_code keep_lock();
  void unlock() { lock_.reset(); }
  [[nodiscard]] bool locked() const { return lock_.is_open(); }

  struct Entry {
    std::uint64_t number = 0;
    std::uint64_t size = 0;
  };
  /// All files of this collector; after an error none.
  std::error_code list(std::vector<Entry>& entries) const;

  [[nodiscard]] std::string path_of(std::uint64_t number) const;
  /// Whether files can be made in it now.
  [[nodiscard]] std::error_code probe() const;

 private:
  /// Whether the lock's name is that of this file.
  [[nodiscard]] bool is_named(dev_t device, ino_t inode) const;

  std::string name_;
  std::string collector_;
  std::string lock_path_;
  SpoolFiles& files_;
  Descriptor lock_;
  dev_t device_ = 0;  ///< of the file that is locked, which the descriptor keeps from another
  ino_t inode_ = 0;   ///< the same
};

}  // namespace ctflow
