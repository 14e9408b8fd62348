// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/become_user.hpp"

#include <unistd.h>

#include <filesystem>

#include "doctor/left_overs.hpp"
#include "log/log.hpp"
#include "process/configured_user.hpp"

namespace ctflow {

void become_user(const Config& config, const std::string& file) {
  if (config.user.empty()) return;
  const std::string socket = StatusConfig().socket;
  if (config.status.socket == socket || !config.source.state_file) {
    make_directory_of(config.user, std::filesystem::path(socket).parent_path());
  }
  give_left_over_files(config.user, left_over_files(config));
  drop_privileges(config.user, needed_privileges(config));
  if (access(file.c_str(), R_OK) == 0) return;
  log::warn(
      "configuration_unreadable file={} user={} impact=\"SIGHUP cannot read it again\" "
      "fix=\"chgrp to a group of this user, and chmod g+r\"",
      log::quoted(file), config.user);
}

}  // namespace ctflow
