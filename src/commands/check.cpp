// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/check.hpp"

#include "commands/exit_status.hpp"
#include "commands/host_config.hpp"
#include "doctor/configuration_check.hpp"
#include "doctor/place_check.hpp"
#include "doctor/user_check.hpp"
#include "findings/finding_text.hpp"
#include "process/privileges.hpp"

namespace ctflow {

int check(const std::string& config_file) {
  const Config config = load_for_this_host(config_file);
  if (!config.user.empty()) check_user(config.user);
  log_findings(check_configuration(config));
  log_findings(check_user_rights(config, config_file));
  log_findings(check_places(config));
  return kSuccess;
}

}  // namespace ctflow
