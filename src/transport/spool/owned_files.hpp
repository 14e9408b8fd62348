// SPDX-License-Identifier: GPL-2.0-or-later
// The files of a spool, for who has its lock.
#pragma once

#include "transport/spool/spool_directory.hpp"
#include "transport/spool/spool_files.hpp"

namespace ctflow {

/// Before each change it looks whether the lock is still this process's, and takes it anew where
/// its file is gone. Where another process has it the change fails with EAGAIN: nothing is written
/// to files that have another owner now, and nothing of theirs is removed.
class OwnedFiles final : public SpoolFiles {
 public:
  /// Both outlive this. No change before the directory is locked.
  OwnedFiles(SpoolFiles& files, SpoolDirectory& directory) : files_(files), directory_(directory) {}

  int open(const std::string& path, int flags, mode_t mode) override;
  ssize_t read(int file, void* to, std::size_t length, off_t offset) override;
  ssize_t write(int file, const void* from, std::size_t length, off_t offset) override;
  int truncate(int file, off_t size) override;
  int remove(const std::string& path) override;
  int rename(const std::string& from, const std::string& to) override;
  int status(const std::string& path, struct stat& found) override;
  int status(int file, struct stat& found) override;
  int list(const std::string& directory, std::vector<std::string>& names) override;
  int writable(const std::string& directory) override;

 private:
  /// Or false with errno.
  [[nodiscard]] bool own();

  SpoolFiles& files_;
  SpoolDirectory& directory_;
};

}  // namespace ctflow
