// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/host_config.hpp"

#include <stdexcept>

#include "netlink/configured_namespaces.hpp"
#include "process/privileges.hpp"

namespace ctflow {

Config load_for_this_host(const std::string& file) {
  Config config = load_config(file);
  const std::string twice = exported_twice(config.namespaces);
  if (!twice.empty()) throw ConfigError(file + ": " + twice);
  try {
    if (!config.user.empty()) check_user(config.user);
  } catch (const std::runtime_error& error) {
    throw ConfigError(file + ": " + error.what());
  }
  return config;
}

}  // namespace ctflow
