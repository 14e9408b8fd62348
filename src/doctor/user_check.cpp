// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/user_check.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <stdexcept>

#include "doctor/left_overs.hpp"
#include "process/configured_user.hpp"

namespace ctflow {

Findings check_user_rights(const Config& config, const std::string& file) {
  Findings found;
  try {
    // A daemon that is started by root gives left-over files to its user.
    if (!judge_as_user(config)) return check_left_overs(config);
  } catch (const std::runtime_error& error) {
    found.wrong.push_back({"user_unusable", fmt::format("ctflowd does not start: {}", error.what()),
                           "name a user that there is, and that is not root"});
    return found;
  }
  if (access(file.c_str(), R_OK) != 0) {
    found.wrong.push_back(
        {"configuration_unreadable",
         fmt::format("{} cannot read {} when SIGHUP asks for it", config.user, file),
         fmt::format("chgrp to a group of {0}, and chmod g+r, {1}", config.user, file)});
  }
  return found;
}

}  // namespace ctflow
