// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/runtime_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "ctflow/default_paths.hpp"
#include "text/errno_text.hpp"

namespace ctflow {

std::string runtime_directory() {
  const char* given = std::getenv("RUNTIME_DIRECTORY");
  const std::string directories = given == nullptr ? "" : given;
  const std::string first = directories.substr(0, directories.find(':'));
  return first.empty() ? kRuntimeDirectory : first;
}

std::string obstacle_in(const std::string& directory) {
  struct stat state {};
  if (stat(directory.c_str(), &state) != 0) return text::errno_text();
  if (!S_ISDIR(state.st_mode)) return text::errno_text(ENOTDIR);
  if (access(directory.c_str(), W_OK | X_OK) != 0) return text::errno_text();
  return "";
}

}  // namespace ctflow
