// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/check.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <ostream>

#include "commands/exit_status.hpp"
#include "commands/host_config.hpp"
#include "config/settings.hpp"
#include "doctor/configuration_check.hpp"
#include "doctor/place_check.hpp"
#include "doctor/user_check.hpp"
#include "findings/finding_text.hpp"
#include "text/escape.hpp"
#include "text/people_text.hpp"

namespace ctflow {

std::string check_summary(const Config& config, std::size_t warnings) {
  std::string text;
  const auto say = [&](const std::string& what) { text += (text.empty() ? "OK: " : ", ") + what; };
  const auto add = [&](std::size_t count, const std::string& what) {
    if (count != 0) say(text::count_text(count, what, what + "s"));
  };
  add(config.collectors.size(), "collector");
  add(config.groups.size(), "group");
  add(config.log_connections.size(), "connection log");
  add(config.nat_log.enabled() ? 1 : 0, "NAT log");
  if (config.accounting.enabled()) say("accounting");
  add(config.namespaces.size(), "namespace");
  add(warnings, "warning");
  return text;
}

int check(const std::string& config_file, bool show, std::ostream& out) {
  const Config config = load_for_this_host(config_file);
  Findings found = check_configuration(config);
  found.add(check_user_rights(config, config_file));
  found.add(check_places(config));
  log_findings(found);
  if (show) {
    out << fmt::format("# {}, with all defaults\n{}", text::printable(config_file),
                       config::show(config));
  } else if (isatty(STDOUT_FILENO) != 0) {
    out << check_summary(config, found.wrong.size()) << '\n';
  }
  return kSuccess;
}

int print_schema(std::ostream& out) {
  out << config::json_schema() << '\n';
  return kSuccess;
}

}  // namespace ctflow
