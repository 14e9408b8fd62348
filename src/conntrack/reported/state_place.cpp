// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/state_place.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace ctflow {
namespace {

std::string runtime_directory() {
  const char* given = std::getenv("RUNTIME_DIRECTORY");
  const std::string directories = given == nullptr ? "" : given;
  const std::string first = directories.substr(0, directories.find(':'));
  return first.empty() ? "/run/ctflowd" : first;
}

/// Why no file can be made in `directory`; empty: it can.
std::string obstacle_in(const std::string& directory) {
  const auto message = [](int error) { return std::generic_category().message(error); };
  struct stat state {};
  if (stat(directory.c_str(), &state) != 0) return message(errno);
  if (!S_ISDIR(state.st_mode)) return message(ENOTDIR);
  if (access(directory.c_str(), W_OK | X_OK) != 0) return message(errno);
  return "";
}

}  // namespace

StatePlace find_state_place(const SourceConfig& config, const std::string& runtime_directory) {
  if (config.state_file) {
    return {config.state_file->empty() ? "" : *config.state_file + config.state_suffix, "", ""};
  }
  if (config.existing == ExistingConnections::kSkip) return {};
  StatePlace place{"", runtime_directory, obstacle_in(runtime_directory)};
  if (place.obstacle.empty()) {
    place.file = runtime_directory + "/state" + config.state_suffix;
  } else if (config.active_timeout.count() == 0) {
    place.obstacle.clear();
  }
  return place;
}

StatePlace find_state_place(const SourceConfig& config) {
  return find_state_place(config, runtime_directory());
}

}  // namespace ctflow
