// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/free_name.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "process/disk_errors.hpp"

namespace ctflow {

std::error_code rename_to_free_name(const std::string& from, const std::string& to) {
  constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE; the C library may not define it
  if (syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), kNoReplace) == 0) {
    return {};
  }
  if (errno != EINVAL && errno != ENOSYS) return last_error();
  // A file system, or a kernel, that cannot do it in one step.
  struct stat found {};
  if (lstat(to.c_str(), &found) == 0) return std::make_error_code(std::errc::file_exists);
  return rename(from.c_str(), to.c_str()) == 0 ? std::error_code{} : last_error();
}

}  // namespace ctflow
