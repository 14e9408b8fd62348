// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/directory_obstacle.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "text/errno_text.hpp"

namespace ctflow {

std::string obstacle_in(const std::string& directory, DirectoryUse use) {
  struct stat found {};
  if (stat(directory.c_str(), &found) != 0) return text::errno_text();
  if (!S_ISDIR(found.st_mode)) return text::errno_text(ENOTDIR);
  const int needed = W_OK | X_OK | (use == DirectoryUse::kMakeAndFindFiles ? R_OK : 0);
  return access(directory.c_str(), needed) == 0 ? "" : text::errno_text();
}

}  // namespace ctflow
