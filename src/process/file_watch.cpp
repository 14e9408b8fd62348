// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/file_watch.hpp"

#include <sys/stat.h>

#include <cerrno>

namespace ctflow {

bool FileWatch::changed() {
  const Mark now = mark();
  return std::exchange(mark_, now) != now;
}

FileWatch::Mark FileWatch::mark() const {
  struct stat found {};
  if (stat(file_.c_str(), &found) != 0) return {-errno};
  return {static_cast<std::int64_t>(found.st_ino),
          static_cast<std::int64_t>(found.st_dev),
          found.st_size,
          found.st_mtim.tv_sec,
          found.st_mtim.tv_nsec,
          found.st_ctim.tv_sec,  // no program can set it back
          found.st_ctim.tv_nsec};
}

}  // namespace ctflow
