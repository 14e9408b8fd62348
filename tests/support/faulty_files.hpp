// SPDX-License-Identifier: GPL-2.0-or-later
// A file system that fails as the test wants.
#pragma once

#include <cerrno>
#include <set>
#include <string>

#include "transport/spool/spool_files.hpp"

namespace ctflow::test {

/// Each member is the errno of that call; 0: it works.
class FaultyFiles : public SpoolFiles {
 public:
  int on_open = 0;
  int on_read = 0;
  int on_write = 0;
  int on_remove = 0;
  int on_list = 0;
  int on_probe = 0;
  std::string only{};  ///< open(): only of paths with this in them
  off_t longest = 0;   ///< no file may grow beyond these octets; 0: no limit
  int reads = 0;

  /// As ext4 does with errors=remount-ro.
  void turn_read_only(int error = EROFS) { on_open = on_write = on_remove = on_probe = error; }
  void recover() { on_open = on_read = on_write = on_remove = on_list = on_probe = 0; }
  /// All descriptors that are open now fail for good, as after a file system that went away and
  /// came back; files that are opened later do not.
  void break_descriptors(int error) {
    broken_ = opened_;
    on_broken_ = error;
  }

  int open(const std::string& path, int flags, mode_t mode) override {
    const bool meant = only.empty() || path.find(only) != std::string::npos;
    if (meant && on_open != 0) return fail(on_open);
    const int file = SpoolFiles::open(path, flags, mode);
    opened_.insert(file);
    broken_.erase(file);  // the number of one that was closed
    return file;
  }
  ssize_t read(int file, void* to, std::size_t length, off_t offset) override {
    ++reads;
    if (on_read != 0) return fail(on_read);
    if (broken_.count(file) != 0) return fail(on_broken_);
    return SpoolFiles::read(file, to, length, offset);
  }
  ssize_t write(int file, const void* from, std::size_t length, off_t offset) override {
    if (on_write != 0) return fail(on_write);
    if (broken_.count(file) != 0) return fail(on_broken_);
    if (longest != 0 && offset + static_cast<off_t>(length) > longest) return fail(EFBIG);
    return SpoolFiles::write(file, from, length, offset);
  }
  int truncate(int file, off_t size) override {
    return broken_.count(file) != 0 ? fail(on_broken_) : SpoolFiles::truncate(file, size);
  }
  int remove(const std::string& path) override {
    return on_remove != 0 ? fail(on_remove) : SpoolFiles::remove(path);
  }
  int rename(const std::string& from, const std::string& to) override {
    return on_remove != 0 ? fail(on_remove) : SpoolFiles::rename(from, to);
  }
  int list(const std::string& directory, std::vector<std::string>& names) override {
    if (on_list != 0) return fail(on_list);
    return SpoolFiles::list(directory, names);
  }
  int writable(const std::string& directory) override {
    return on_probe != 0 ? fail(on_probe) : SpoolFiles::writable(directory);
  }

 private:
  static int fail(int error) {
    errno = error;
    return -1;
  }

  std::set<int> opened_{};
  std::set<int> broken_{};
  int on_broken_ = 0;
};

}  // namespace ctflow::test
