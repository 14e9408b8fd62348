// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/service_check.hpp"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "doctor/host_files.hpp"
#include "process/configured_user.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;

// In the order in which systemd prefers files of the same name.
constexpr std::array kUnitDirectories{"etc/systemd/system", "run/systemd/system",
                                      "usr/local/lib/systemd/system", "usr/lib/systemd/system",
                                      "lib/systemd/system"};
constexpr std::array kDropInDirectories{
    "etc/systemd/system/ctflowd.service.d", "run/systemd/system/ctflowd.service.d",
    "usr/local/lib/systemd/system/ctflowd.service.d", "usr/lib/systemd/system/ctflowd.service.d",
    "lib/systemd/system/ctflowd.service.d"};

/// What decides whether its process may call bpf(2), and load with it.
struct Service {
  bool root = true;
  bool filtered = false;  ///< may use some system calls only
  std::set<std::string> calls;
  std::set<std::string> capabilities;
};

/// An assignment adds to the ones before, an empty one takes them all back.
void assign(std::set<std::string>& words, const std::string& value) {
  if (value.empty()) words.clear();
  std::istringstream stream(value);
  for (std::string word; stream >> word;) words.insert(word);
}

void read_unit(const fs::path& path, Service& service) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = line.substr(0, equals);
    const std::string value = line.substr(equals + 1);
    if (key == "User") service.root = value.empty() || value == "root";
    if (key == "AmbientCapabilities") assign(service.capabilities, value);
    if (key != "SystemCallFilter") continue;
    service.filtered = !value.empty();
    if (value.empty() || value.front() != '~') assign(service.calls, value);
  }
}

/// The unit, and what adds to it. Nothing: there is no such unit.
std::vector<fs::path> files_of_service(const fs::path& root) {
  std::vector<fs::path> files;
  for (const char* directory : kUnitDirectories) {
    const fs::path unit = root / directory / "ctflowd.service";
    std::error_code error;
    if (files.empty() && fs::exists(unit, error)) files.push_back(unit);
  }
  if (files.empty()) return files;
  for (const auto& [name, path] : files_of(root, kDropInDirectories)) {
    if (path.extension() == ".conf") files.push_back(path);
  }
  return files;
}

bool by_programs(const Capabilities& measured) {
  return measured.origin == MeasurementOrigin::kFentry ||
         measured.origin == MeasurementOrigin::kNetfilter;
}

/// What is missing of what this origin needs.
std::vector<std::string> missing(const Service& service, MeasurementOrigin origin,
                                 const fs::path& root) {
  std::vector<std::string> names;
  const bool all = service.capabilities.count("CAP_SYS_ADMIN") != 0;
  for (const char* name : {"CAP_BPF", "CAP_PERFMON"}) {
    if (!all && service.capabilities.count(name) == 0) names.emplace_back(name);
  }
  std::error_code error;
  if (!all && origin == MeasurementOrigin::kFentry &&
      fs::exists(root / "sys/kernel/btf/nf_conntrack", error)) {
    names.emplace_back("CAP_SYS_ADMIN (nf_conntrack is a module)");
  }
  if (service.filtered && service.calls.count("bpf") == 0) {
    names.emplace_back("SystemCallFilter=bpf");
  }
  return names;
}

/// As a process that becomes another user.
Service with_user(const Config& config) {
  Service service;
  const KeptPrivileges kept = needed_privileges(config);
  if (kept.sys_admin) service.capabilities.insert("CAP_SYS_ADMIN");
  if (kept.bpf) service.capabilities.insert({"CAP_BPF", "CAP_PERFMON"});
  return service;
}

}  // namespace

Findings check_service(const Config& config, const Capabilities& measured,
                       const std::string& root) {
  Findings found;
  if (!by_programs(measured)) return found;
  const bool by_user = !config.user.empty();
  Service service;
  if (by_user) {
    service = with_user(config);
  } else {
    if (!started_by_systemd(root)) return found;
    const std::vector<fs::path> files = files_of_service(root);
    for (const fs::path& file : files) read_unit(file, service);
    if (files.empty() || service.root) return found;
  }
  const std::vector<std::string> names = missing(service, measured.origin, root);
  if (names.empty()) return found;
  auto& where = config.source.measure == Measure::kAuto ? found.notes : found.wrong;
  where.push_back(
      {"service_may_not_measure",
       fmt::format("{} measures for the user who asks, but not for {}, without {}: what "
                   "is exported is less exact",
                   name_of(measured.origin),
                   by_user ? "ctflowd once it is " + config.user : "ctflowd.service",
                   fmt::join(names, ", ")),
       by_user ? "source.measure: fentry, which keeps the capability"
               : "the drop-in ebpf.conf (docs/operations.md says where it is), or "
                 "source.measure: off"});
  return found;
}

}  // namespace ctflow
