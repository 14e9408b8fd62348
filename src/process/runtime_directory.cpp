// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/runtime_directory.hpp"

#include <cstdlib>

#include "ctflow/default_paths.hpp"

namespace ctflow {

std::string runtime_directory() {
  const char* given = std::getenv("RUNTIME_DIRECTORY");
  const std::string directories = given == nullptr ? "" : given;
  const std::string first = directories.substr(0, directories.find(':'));
  return first.empty() ? kRuntimeDirectory : first;
}

}  // namespace ctflow
