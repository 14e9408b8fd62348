// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/configured_user.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "text/endpoint_text.hpp"
#include "version/built_parts.hpp"

namespace ctflow {
namespace {

/// Whether the port of `ADDRESS:PORT` is one of those that only root may bind.
bool is_privileged_port(const std::string& endpoint) {
  constexpr unsigned kFirstOfAll = 1024;
  const auto parts = text::split_endpoint(endpoint);
  return parts && parts->port && *parts->port < kFirstOfAll;
}

/// Programs that this build has, and that may be loaded.
bool may_measure_by_programs(Measure wanted) {
  return built_parts().bpf && wanted != Measure::kOff && wanted != Measure::kPatch;
}

}  // namespace

KeptPrivileges needed_privileges(const Config& config) {
  KeptPrivileges needed;
  needed.bpf = may_measure_by_programs(config.source.measure);
  // The types of nf_conntrack, where that is a module. A default is no reason to keep so much.
  const bool fentry = needed.bpf && config.source.measure == Measure::kFentry;
  needed.sys_admin = fentry || !config.namespaces.empty();
  needed.net_bind_service = is_privileged_port(config.status.listen);
  needed.net_raw =
      std::any_of(config.collectors.begin(), config.collectors.end(),
                  [](const CollectorConfig& collector) { return !collector.bind_device.empty(); });
  return needed;
}

bool judge_as_user(const Config& config) {
  if (config.user.empty()) return false;
  check_user(config.user);
  if (geteuid() != 0) return false;
  drop_privileges(config.user, needed_privileges(config));
  return true;
}

}  // namespace ctflow
