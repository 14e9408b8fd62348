// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool_names.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "process/descriptor.hpp"
#include "text/number_text.hpp"
#include "transport/spool/spool_directory.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;

bool keeps_messages(const CollectorConfig& collector) {
  const bool in_sessions =
      collector.transport == TransportKind::kTcp || collector.transport == TransportKind::kTls;
  return in_sessions && !collector.spool.directory.empty();
}

bool keeps_lines(const ConnectionLogConfig& log) {
  const bool socket = log.to == LogDestination::kUnix || log.to == LogDestination::kTcp;
  return (socket || log.to == LogDestination::kKafka) && !log.spool.directory.empty();
}

/// `name`: the log's, with its network namespace.
std::string spool_name(const ConnectionLogConfig& log, const std::string& name) {
  return log.to == LogDestination::kKafka ? topic_spool_name(name) : lines_spool_name(name);
}

constexpr std::size_t kNameDigits = 16;

/// COLLECTOR of `COLLECTOR-NUMBER`; nothing for another name.
std::optional<std::string> collector_of(std::string_view stem) {
  if (stem.size() < kNameDigits + 2 || stem[stem.size() - kNameDigits - 1] != '-')
    return std::nullopt;
  const std::string_view digits = stem.substr(stem.size() - kNameDigits);
  if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  return std::string(stem.substr(0, stem.size() - kNameDigits - 1));
}

/// NUMBER of such a name is one that SpoolDirectory gives.
bool is_given(std::string_view stem) {
  return text::parse_number<std::uint64_t>(stem.substr(stem.size() - kNameDigits),
                                           SpoolDirectory::kLastNumber, 16)
      .has_value();
}

}  // namespace

std::string lines_spool_name(const std::string& log) { return log + "+lines"; }

std::string topic_spool_name(const std::string& log) { return log + "+topic"; }

std::vector<SpoolFile> list_spool_files(const std::string& directory) {
  std::vector<SpoolFile> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& path = entry->path();
    std::error_code gone;
    if (entry->symlink_status(gone).type() != fs::file_type::regular) continue;
    if (path.extension() == ".lock") {
      files.push_back({path.stem().string(), path.string()});
    } else if (path.extension() == ".spool") {
      const std::string stem = path.stem().string();
      const std::optional<std::string> collector = collector_of(stem);
      const std::uintmax_t octets = entry->file_size(gone);
      if (!collector || gone) continue;
      files.push_back({*collector, path.string(), true, octets, is_given(stem)});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SpoolFile& one, const SpoolFile& other) { return one.path < other.path; });
  return files;
}

bool spool_in_use(const std::string& directory, const std::string& collector) {
  const std::string name = directory + "/" + collector + ".lock";
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
  const Descriptor file(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open()) return errno != ENOENT;
  return flock(file.number(), LOCK_SH | LOCK_NB) != 0;
}

std::vector<std::string> spool_owners(const Config& config, const std::string& directory) {
  std::vector<std::string> names;
  for (const CollectorConfig& collector : config.collectors) {
    if (!keeps_messages(collector) || collector.spool.directory != directory) continue;
    if (config.namespaces.empty()) names.push_back(collector.name);
    for (const NamespaceConfig& one : config.namespaces) {
      names.push_back(collector.name + "@" + one.name);
    }
  }
  for (const ConnectionLogConfig& log : config.log_connections) {
    if (!keeps_lines(log) || log.spool.directory != directory) continue;
    if (config.namespaces.empty()) names.push_back(spool_name(log, log.name));
    for (const NamespaceConfig& one : config.namespaces) {
      names.push_back(spool_name(log, log.name + "@" + one.name));
    }
  }
  return names;
}

std::uint64_t spool_sizes(const Config& config, const std::string& directory) {
  std::uint64_t sum = 0;
  for (const CollectorConfig& collector : config.collectors) {
    if (keeps_messages(collector) && collector.spool.directory == directory) {
      sum += collector.spool.size;
    }
  }
  for (const ConnectionLogConfig& log : config.log_connections) {
    if (keeps_lines(log) && log.spool.directory == directory) sum += log.spool.size;
  }
  return sum * std::max<std::uint64_t>(config.namespaces.size(), 1);
}

std::vector<std::string> spool_directories(const Config& config) {
  std::vector<std::string> directories;
  for (const CollectorConfig& collector : config.collectors) {
    if (keeps_messages(collector)) directories.push_back(collector.spool.directory);
  }
  for (const ConnectionLogConfig& log : config.log_connections) {
    if (keeps_lines(log)) directories.push_back(log.spool.directory);
  }
  std::sort(directories.begin(), directories.end());
  directories.erase(std::unique(directories.begin(), directories.end()), directories.end());
  return directories;
}

}  // namespace ctflow
