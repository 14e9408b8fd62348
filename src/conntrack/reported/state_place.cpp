// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/state_place.hpp"

#include "process/directory_obstacle.hpp"
#include "process/runtime_directory.hpp"

namespace ctflow {

StatePlace find_state_place(const SourceConfig& config, const std::string& runtime_directory) {
  if (config.state_file) {
    return {config.state_file->empty() ? "" : *config.state_file + config.state_suffix, "", ""};
  }
  if (config.existing == ExistingConnections::kSkip) return {};
  StatePlace place{"", runtime_directory, obstacle_in(runtime_directory, DirectoryUse::kMakeFiles)};
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
