// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/path_check.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "doctor/fixes.hpp"
#include "process/directory_obstacle.hpp"

namespace ctflow {
namespace {

/// A file that a setting names.
struct NamedFile {
  std::string setting;
  std::string path;
  bool written = false;  ///< by ctflowd
};

/// `path` is that of each network namespace, with its name appended.
void add_for_each_namespace(const Config& config, const NamedFile& file,
                            std::vector<NamedFile>& all) {
  if (config.namespaces.empty()) all.push_back(file);
  for (const NamespaceConfig& one : config.namespaces) {
    all.push_back({file.setting, file.path + "." + one.name, file.written});
  }
}

std::vector<NamedFile> named_files(const Config& config) {
  std::vector<NamedFile> all;
  if (config.source.state_file && !config.source.state_file->empty()) {
    add_for_each_namespace(config, {"source.state_file", *config.source.state_file, true}, all);
  }
  if (!config.status.socket.empty()) all.push_back({"status.socket", config.status.socket, true});
  for (const ConnectionLogConfig& log : config.log_connections) {
    const std::string setting = "the path of the connection log " + log.name;
    if (log.to == LogDestination::kUnix) all.push_back({setting, log.path, false});
    if (log.to == LogDestination::kFile) {
      add_for_each_namespace(config, {setting, log.path, true}, all);
    }
  }
  if (config.accounting.enabled()) {
    all.push_back({"accounting.database", config.accounting.database, true});
    all.push_back({"accounting.networks_file", config.accounting.networks_file, false});
    all.push_back({"accounting.services_file", config.accounting.services_file, false});
  }
  all.push_back({"enrich.as_database", config.enrich.as_database, false});
  all.push_back({"enrich.country_database", config.enrich.country_database, false});
  all.push_back({"enrich.user_names", config.enrich.user_names, false});
  for (const CollectorConfig& one : config.collectors) {
    all.push_back({"tls.ca_file of " + one.name, one.tls.ca_file, false});
    all.push_back({"tls.certificate of " + one.name, one.tls.certificate, false});
    all.push_back({"tls.key of " + one.name, one.tls.key, false});
  }
  std::erase_if(all, [](const NamedFile& one) { return one.path.empty(); });
  return all;
}

/// Whatever links and spelling lead there.
std::string place_of(const std::string& path) {
  std::error_code error;
  const auto found = std::filesystem::weakly_canonical(path, error);
  return (error ? std::filesystem::path(path).lexically_normal() : found).string();
}

void check_twice(const Config& config, Findings& found) {
  std::map<std::string, NamedFile> first_of;
  for (NamedFile& other : named_files(config)) {
    const auto [place, is_new] = first_of.emplace(place_of(other.path), other);
    NamedFile& one = place->second;
    if (is_new || (!one.written && !other.written)) continue;
    found.wrong.push_back(
        {"path_twice",
         fmt::format("{} and {} are one file, {}: one of the two cannot be used, or destroys what "
                     "is there for the other",
                     one.setting, other.setting, place->first),
         "give each a path of its own"});
  }
}

bool is_directory(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

void check_state_file(const std::string& path, Findings& found) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const std::string obstacle = obstacle_in(directory, DirectoryUse::kMakeFiles);
  const bool other = is_directory(path);
  if (obstacle.empty() && !other) return;
  found.wrong.push_back(
      {"state_file_unusable",
       fmt::format("this user cannot keep the state in {}: {}; a restart exports again what "
                   "connections had counted before it",
                   path, other ? "it is a directory" : directory + ": " + obstacle),
       other ? "set source.state_file to a file in it" : fix_of_directory(directory)});
}

}  // namespace

Findings check_paths(const Config& config) {
  Findings found;
  for (const NamedFile& one : named_files(config)) {
    if (one.setting == "source.state_file") check_state_file(one.path, found);
  }
  if (config.accounting.enabled() && is_directory(config.accounting.database)) {
    found.wrong.push_back({"accounting_database_unusable",
                           fmt::format("accounting.database {} is a directory: nothing that is "
                                       "counted can be written",
                                       config.accounting.database),
                           "set accounting.database to a file in it"});
  }
  check_twice(config, found);
  return found;
}

}  // namespace ctflow
