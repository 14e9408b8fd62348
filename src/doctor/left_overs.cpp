// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/left_overs.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "conntrack/reported/state_place.hpp"
#include "text/errno_text.hpp"
#include "text/people_text.hpp"
#include "transport/spool/spool_names.hpp"

namespace ctflow {
namespace {

void add_spool(const Config& config, const std::string& directory,
               std::vector<std::string>& files) {
  const std::vector<std::string> owners = spool_owners(config, directory);
  for (const SpoolFile& file : list_spool_files(directory)) {
    const bool owned = std::find(owners.begin(), owners.end(), file.collector) != owners.end();
    if (owned) files.push_back(file.path);
  }
}

/// Of the NAT logs of all namespaces: files of other programs have other names.
void add_nat_log(const Config& config, std::vector<std::string>& files) {
  std::vector<std::string> directories;
  if (!config.nat_log.enabled()) return;
  if (config.namespaces.empty()) directories.push_back(config.nat_log.directory);
  for (const NamespaceConfig& one : config.namespaces) {
    directories.push_back(config.nat_log.directory + "/" + one.name);
  }
  for (const std::string& directory : directories) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
      const std::string name = entry.path().filename().string();
      const bool day = name.rfind("nat-", 0) == 0 && name.find(".sqlite") == 12;
      if (day || name == "lock") files.push_back(entry.path().string());
    }
  }
}

/// The database, SQLite's files beside it, and what sessions left.
void add_accounting(const Config& config, std::vector<std::string>& files) {
  if (!config.accounting.enabled()) return;
  const std::filesystem::path path(config.accounting.database);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(path.filename().string(), 0) == 0) files.push_back(entry.path().string());
  }
}

void add_state(const SourceConfig& source, std::vector<std::string>& files) {
  const std::string name = find_state_place(source).file;
  if (name.empty()) return;
  for (const std::string& file : {name, name + ".lock"}) {
    struct stat found {};
    if (lstat(file.c_str(), &found) == 0) files.push_back(file);
  }
}

/// Those that ctflowd rotated have been written.
void add_logs(const Config& config, std::vector<std::string>& files) {
  const auto add = [&](const std::string& file) {
    struct stat found {};
    if (lstat(file.c_str(), &found) == 0) files.push_back(file);
  };
  for (const ConnectionLogConfig& log : config.log_connections) {
    if (log.to != LogDestination::kFile) continue;
    if (config.namespaces.empty()) add(log.path);
    for (const NamespaceConfig& one : config.namespaces) add(log.path + "." + one.name);
  }
}

}  // namespace

std::vector<std::string> left_over_files(const Config& config) {
  std::vector<std::string> files;
  for (const std::string& directory : spool_directories(config)) {
    add_spool(config, directory, files);
  }
  add_logs(config, files);
  add_nat_log(config, files);
  add_accounting(config, files);
  if (config.namespaces.empty()) add_state(config.source, files);
  for (const NamespaceConfig& one : config.namespaces) {
    SourceConfig source = config.source;
    source.state_suffix = "." + one.name;
    add_state(source, files);
  }
  return files;
}

Findings check_left_overs(const Config& config) {
  constexpr std::size_t kNamed = 8;  // a spool may have thousands of files
  std::vector<std::string> files;
  std::string reason;
  for (const std::string& file : left_over_files(config)) {
    if (access(file.c_str(), R_OK | W_OK) == 0) continue;
    if (files.empty()) reason = text::errno_text();
    files.push_back(file);
  }
  Findings found;
  if (files.empty()) return found;
  const auto more = [&](std::size_t named, std::string_view before) {
    const std::size_t count = files.size() - named;
    return count == 0
               ? ""
               : fmt::format("{}{}", before, text::count_text(count, "more file", "more files"));
  };
  const std::size_t named = std::min(files.size(), kNamed);
  found.wrong.push_back(
      {"file_of_another_user",
       fmt::format("this user cannot read and write {}{}, which a ctflowd before left: {}",
                   files.front(), more(1, " and "), reason),
       fmt::format(
           "chown ctflowd {}{}",
           fmt::join(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(named), " "),
           more(named, ", then look again: there are "))});
  return found;
}

}  // namespace ctflow
