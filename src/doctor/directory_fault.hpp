// SPDX-License-Identifier: GPL-2.0-or-later
// Whether a directory can be used by this user.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "text/errno_text.hpp"

namespace ctflow {

/// Empty: files can be created, listed and removed in it.
inline std::string fault_of(const std::string& directory) {
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0) return text::errno_text();
  if (!S_ISDIR(status.st_mode)) return text::errno_text(ENOTDIR);
  return access(directory.c_str(), R_OK | W_OK | X_OK) == 0 ? "" : text::errno_text();
}

}  // namespace ctflow
