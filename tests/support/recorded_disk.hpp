// SPDX-License-Identifier: GPL-2.0-or-later
// What SQLite does to its files, so that a test can make what a power cut would leave of them.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <new>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ctflow::test {

struct DiskChange {
  enum class Kind : std::uint8_t { kWrite, kTruncate, kSync, kRemove };

  Kind kind = Kind::kWrite;
  std::string file{};          ///< without its directory
  std::size_t at = 0;          ///< of a write: where; of a truncation: the size
  std::vector<char> octets{};  ///< of a write
  bool directory = false;      ///< it was synchronised, too
};

/// While it lives, SQLite uses it for all files that are opened. Nothing is really synchronised:
/// whoever makes images decides what that means. Of one thread at a time.
class RecordedDisk {
 public:
  RecordedDisk() : real_(sqlite3_vfs_find(nullptr)), mine_(*real_) {
    mine_.zName = "recorded";
    mine_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    mine_.pNext = nullptr;
    mine_.xOpen = &RecordedDisk::open;
    mine_.xDelete = &RecordedDisk::remove;
    current_ = this;
    EXPECT_EQ(sqlite3_vfs_register(&mine_, 1), SQLITE_OK);
  }
  ~RecordedDisk() {
    sqlite3_vfs_register(real_, 1);
    sqlite3_vfs_unregister(&mine_);
    current_ = nullptr;
  }
  RecordedDisk(const RecordedDisk&) = delete;
  RecordedDisk& operator=(const RecordedDisk&) = delete;
  RecordedDisk(RecordedDisk&&) = delete;
  RecordedDisk& operator=(RecordedDisk&&) = delete;

  [[nodiscard]] const std::vector<DiskChange>& changes() const { return changes_; }

 private:
  struct File {
    sqlite3_file base{};  // first: SQLite knows only this
    std::string name{};
    bool is_new = false;  ///< synchronising it synchronises the directory, too
  };

  static File* mine(sqlite3_file* file) { return static_cast<File*>(static_cast<void*>(file)); }
  /// Behind ours, in memory that SQLite has made for both.
  static sqlite3_file* real(sqlite3_file* file) {
    return static_cast<sqlite3_file*>(static_cast<void*>(mine(file) + 1));
  }
  static std::string name_of(const char* path) {
    return path == nullptr ? "" : std::filesystem::path(path).filename().string();
  }

  /// A function of a file that is left to the real one.
  template <auto kFunction>
  struct Passed;
  template <typename Result, typename... Arguments,
            Result (*sqlite3_io_methods::*kFunction)(sqlite3_file*, Arguments...)>
  struct Passed<kFunction> {
    static Result call(sqlite3_file* file, Arguments... arguments) {
      sqlite3_file* const to = real(file);
      return (to->pMethods->*kFunction)(to, arguments...);
    }
  };

  static const sqlite3_io_methods* methods() {
    using Io = sqlite3_io_methods;
    static const Io all = [] {
      Io io{};
      io.iVersion = 2;  // no memory maps of the database
      io.xClose = &RecordedDisk::close;
      io.xRead = &Passed<&Io::xRead>::call;
      io.xWrite = &RecordedDisk::write;
      io.xTruncate = &RecordedDisk::truncate;
      io.xSync = &RecordedDisk::sync;
      io.xFileSize = &Passed<&Io::xFileSize>::call;
      io.xLock = &Passed<&Io::xLock>::call;
      io.xUnlock = &Passed<&Io::xUnlock>::call;
      io.xCheckReservedLock = &Passed<&Io::xCheckReservedLock>::call;
      io.xFileControl = &Passed<&Io::xFileControl>::call;
      io.xSectorSize = &Passed<&Io::xSectorSize>::call;
      io.xDeviceCharacteristics = &Passed<&Io::xDeviceCharacteristics>::call;
      io.xShmMap = &Passed<&Io::xShmMap>::call;
      io.xShmLock = &Passed<&Io::xShmLock>::call;
      io.xShmBarrier = &Passed<&Io::xShmBarrier>::call;
      io.xShmUnmap = &Passed<&Io::xShmUnmap>::call;
      return io;
    }();
    return &all;
  }

  static int open(sqlite3_vfs* /*vfs*/, const char* path, sqlite3_file* file, int flags,
                  int* got_flags) {
    sqlite3_vfs* const base = current_->real_;
    File* const made = new (file) File;
    const int code = base->xOpen(base, path, real(file), flags, got_flags);
    if (code != SQLITE_OK) {
      made->~File();
      file->pMethods = nullptr;  // not to be closed
      return code;
    }
    made->name = name_of(path);
    constexpr int kJournals =
        SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    made->is_new = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & kJournals) != 0;
    file->pMethods = methods();
    return SQLITE_OK;
  }
  static int close(sqlite3_file* file) {
    const int code = Passed<&sqlite3_io_methods::xClose>::call(file);
    mine(file)->~File();
    return code;
  }
  static int write(sqlite3_file* file, const void* from, int length, sqlite3_int64 at) {
    const auto* const octets = static_cast<const char*>(from);
    current_->changes_.push_back({DiskChange::Kind::kWrite,
                                  mine(file)->name,
                                  static_cast<std::size_t>(at),
                                  {octets, octets + length}});
    return Passed<&sqlite3_io_methods::xWrite>::call(file, from, length, at);
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    current_->changes_.push_back(
        {DiskChange::Kind::kTruncate, mine(file)->name, static_cast<std::size_t>(size)});
    return Passed<&sqlite3_io_methods::xTruncate>::call(file, size);
  }
  static int sync(sqlite3_file* file, int /*flags*/) {
    const bool is_new = std::exchange(mine(file)->is_new, false);
    current_->changes_.push_back({DiskChange::Kind::kSync, mine(file)->name, 0, {}, is_new});
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* /*vfs*/, const char* path, int sync_directory) {
    sqlite3_vfs* const base = current_->real_;
    const int code = base->xDelete(base, path, 0);
    if (code == SQLITE_OK) {
      current_->changes_.push_back(
          {DiskChange::Kind::kRemove, name_of(path), 0, {}, sync_directory != 0});
    }
    return code;
  }

  static inline RecordedDisk* current_ = nullptr;
  sqlite3_vfs* real_;
  sqlite3_vfs mine_;
  std::vector<DiskChange> changes_{};
};

/// Files as a disk has them.
class DiskImage {
 public:
  void apply(const DiskChange& change) { apply(change, 0, change.octets.size(), false); }

  /// Of a write only these of its octets arrive; instead of the others there are zeros, or what was
  /// there before.
  void apply(const DiskChange& change, std::size_t begin, std::size_t end, bool zeros) {
    if (change.kind == DiskChange::Kind::kSync) return;
    if (change.kind == DiskChange::Kind::kRemove) {
      files_.erase(change.file);
      removed_.insert(change.file);
      return;
    }
    std::vector<char>& file = files_[change.file];
    if (change.kind == DiskChange::Kind::kTruncate) {
      file.resize(change.at);
      return;
    }
    const std::size_t last = change.at + (zeros ? change.octets.size() : end);
    if (file.size() < last) file.resize(last);
    for (std::size_t i = 0; i < change.octets.size(); ++i) {
      const bool arrived = i >= begin && i < end;
      if (arrived || zeros) file[change.at + i] = arrived ? change.octets[i] : '\0';
    }
  }

  /// Files that were removed, and not made again by SQLite.
  [[nodiscard]] bool removed(const std::string& file) const { return removed_.count(file) != 0; }

  void write_to(const std::string& directory) const {
    for (const auto& [name, content] : files_) {
      std::ofstream(directory + "/" + name, std::ios::binary)
          .write(content.data(), static_cast<std::streamsize>(content.size()));
    }
  }

 private:
  std::map<std::string, std::vector<char>> files_{};
  std::set<std::string> removed_{};
};

/// A disk with a cache that a power cut empties: what was not synchronised is there or not, in part
/// or whole, in any order.
class CachedDisk {
 public:
  void apply(const DiskChange& change) {
    using Kind = DiskChange::Kind;
    cached_[change.file].push_back(change);
    if (change.kind == Kind::kSync) keep(change.file, cached_[change.file].size());
    if (!change.directory) return;
    for (const auto& [name, changes] : cached_) {
      for (std::size_t i = changes.size(); i > 0; --i) {
        if (changes[i - 1].kind != Kind::kRemove) continue;
        keep(name, i);
        break;
      }
    }
  }

  template <typename Random>
  [[nodiscard]] DiskImage after_power_cut(Random& random) const {
    DiskImage image = kept_;
    for (const auto& [name, changes] : cached_) {
      const auto of_eight = random() % 9;  // from nearly none to all
      for (const DiskChange& change : changes) {
        if (random() % 8 >= of_eight) {
          // The file of before: what was done to one of its name later was done to another.
          if (change.kind == DiskChange::Kind::kRemove) break;
          continue;
        }
        const std::size_t size = change.octets.size();
        const std::size_t cut = size == 0 || random() % 4 != 0 ? size : random() % size;
        image.apply(change, 0, cut, random() % 2 == 0);
      }
    }
    return image;
  }

 private:
  void keep(const std::string& name, std::size_t count) {
    std::vector<DiskChange>& changes = cached_[name];
    const auto end = changes.begin() + static_cast<std::ptrdiff_t>(count);
    std::for_each(changes.begin(), end, [&](const DiskChange& one) { kept_.apply(one); });
    changes.erase(changes.begin(), end);
  }

  DiskImage kept_{};
  std::map<std::string, std::vector<DiskChange>> cached_{};
};

}  // namespace ctflow::test
