// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/runtime_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "ctflow/default_paths.hpp"

namespace ctflow {

std::string runtime_directory() {
  const char* given = std::getenv("RUNTIME_DIRECTORY");
  const std::string directories = given == nullptr ? "" : given;
  const std::string first = directories.substr(0, directories.find(':'));
  return first.empty() ? kRuntimeDirectory : first;
}

std::string obstacle_in(const std::string& directory) {
  const auto message = [](int error) { return std::generic_category().message(error); };
  struct stat state {};
  if (stat(directory.c_str(), &state) != 0) return message(errno);
  if (!S_ISDIR(state.st_mode)) return message(ENOTDIR);
  if (access(directory.c_str(), W_OK | X_OK) != 0) return message(errno);
  return "";
}

}  // namespace ctflow
