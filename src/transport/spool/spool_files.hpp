// SPDX-License-Identifier: GPL-2.0-or-later
// The calls by which the spool reaches the file system, so that tests can put errors in between.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace ctflow {

/// As the system calls: negative with errno after an error.
class SpoolFiles {
 public:
  SpoolFiles() = default;
  virtual ~SpoolFiles() = default;
  SpoolFiles(const SpoolFiles&) = delete;
  SpoolFiles& operator=(const SpoolFiles&) = delete;
  SpoolFiles(SpoolFiles&&) = delete;
  SpoolFiles& operator=(SpoolFiles&&) = delete;

  /// A file that is made gets this mode.
  virtual int open(const std::string& path, int flags, mode_t mode);
  virtual ssize_t read(int file, void* to, std::size_t length, off_t offset);
  virtual ssize_t write(int file, const void* from, std::size_t length, off_t offset);
  virtual int truncate(int file, off_t size);
  virtual int remove(const std::string& path);
  virtual int rename(const std::string& from, const std::string& to);
  virtual int status(const std::string& path, struct stat& found);
  virtual int status(int file, struct stat& found);
  /// Names of all entries.
  virtual int list(const std::string& directory, std::vector<std::string>& names);
  /// Whether files can be made in a directory: 0, or negative with errno.
  virtual int writable(const std::string& directory);
};

}  // namespace ctflow
