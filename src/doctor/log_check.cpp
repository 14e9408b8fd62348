// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/log_check.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "connection_log/socket_sink.hpp"
#include "doctor/fixes.hpp"
#include "doctor/stream_check.hpp"
#include "kafka/reach.hpp"
#include "postgresql/connection_text.hpp"
#include "process/directory_obstacle.hpp"
#include "text/errno_text.hpp"
#include "text/octets_text.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::seconds kServerPatience{3};

bool goes_to_socket(const ConnectionLogConfig& log) {
  return log.to == LogDestination::kUnix || log.to == LogDestination::kTcp;
}

struct LogFault {
  std::string text;
  std::string fix;
};

/// Nothing: files can be created, listed and removed in it.
std::optional<LogFault> fault_of_directory(const std::string& directory) {
  const std::string obstacle = obstacle_in(directory, DirectoryUse::kMakeAndFindFiles);
  if (obstacle.empty()) return std::nullopt;
  return LogFault{directory + ": " + obstacle, fix_of_directory(directory)};
}

/// Nothing: lines can be appended to it. A file that does not exist is made in its directory.
std::optional<LogFault> fault_of_file(const std::string& path, bool rotates) {
  struct stat found {};
  const std::string directory = std::filesystem::path(path).parent_path().string();
  if (lstat(path.c_str(), &found) != 0) {
    const int error = errno;
    if (auto fault = fault_of_directory(directory)) return fault;
    if (error == ENOENT) return std::nullopt;
    return LogFault{text::errno_text(error), "set another path"};
  }
  if (S_ISLNK(found.st_mode)) {
    return LogFault{"it is a symbolic link, which is not followed", "set path to the file itself"};
  }
  if (S_ISSOCK(found.st_mode)) return LogFault{"it is a socket", "set to: unix"};
  if (!S_ISREG(found.st_mode)) return LogFault{"it is no regular file", "set path to a file"};
  if (access(path.c_str(), R_OK | W_OK) != 0) {
    return LogFault{text::errno_text(), fmt::format("chown ctflowd {}", path)};
  }
  return rotates ? fault_of_directory(directory) : std::nullopt;
}

void check_log_file(const ConnectionLogConfig& log, const std::string& path, Findings& found) {
  const bool rotates = log.rotate.size > 0 || log.rotate.interval.count() > 0;
  const std::optional<LogFault> fault = fault_of_file(path, rotates);
  if (!fault) return;
  found.wrong.push_back(
      {"connection_log_unusable",
       fmt::format("this user cannot write {}: {}; lines wait in memory, up to buffer ({}), and "
                   "beyond that are lost",
                   path, fault->text, octets_text(log.buffer)),
       fault->fix});
}

void check_log_place(const Config& config, const ConnectionLogConfig& log, Findings& found) {
  const bool to_topic = log.to == LogDestination::kKafka;
  if ((goes_to_socket(log) || to_topic) && !log.spool.directory.empty()) {
    if (const auto fault = fault_of_directory(log.spool.directory)) {
      found.wrong.push_back(
          {"spool_directory_unusable",
           fmt::format("this user cannot keep lines there: {}; they wait in memory only, up to "
                       "{} ({}), and are lost when ctflowd stops",
                       fault->text, to_topic ? "buffer" : "spool.memory",
                       octets_text(to_topic ? log.buffer : log.spool.memory)),
           fault->fix});
    }
  }
  if (to_topic) {
    if (const std::string fault = kafka::why_unusable(log); !fault.empty()) {
      found.wrong.push_back({"connection_log_unusable",
                             fmt::format("ctflowd cannot start with settings: {}", fault),
                             "correct settings, or the files that they name"});
    }
  }
  if (log.to != LogDestination::kFile) return;
  if (config.namespaces.empty()) check_log_file(log, log.path, found);
  for (const NamespaceConfig& one : config.namespaces) {
    check_log_file(log, log.path + "." + one.name, found);
  }
}

void check_database(const ConnectionLogConfig& log, Findings& found) {
  const auto why = postgresql::try_connection(log.postgresql.connection);
  if (!why) return;
  found.wrong.push_back(
      {"connection_log_unreachable",
       fmt::format("this user gets no connection to the database: {}; rows wait in memory, up to "
                   "buffer ({}), and beyond that are lost",
                   *why, octets_text(log.buffer)),
       "start the server, or correct postgresql.connection and the server's pg_hba.conf",
       log.name});
}

void check_topic(const ConnectionLogConfig& log, Findings& found) {
  const std::string reason = kafka::why_unreachable(log, kServerPatience);
  if (reason.empty()) return;
  found.wrong.push_back(
      {"connection_log_unreachable",
       fmt::format("no lines can be written to the topic {}: {}", log.topic, reason),
       "start the brokers, make the topic, or correct brokers, topic and settings", log.name});
}

}  // namespace

Findings check_log_places(const Config& config) {
  Findings found;
  for (const ConnectionLogConfig& log : config.log_connections) {
    const std::size_t first = found.wrong.size();
    check_log_place(config, log, found);
    set_subject(found.wrong, first, log.name);
  }
  return found;
}

Findings check_log_readers(const Config& config) {
  Findings found;
  for (const ConnectionLogConfig& log : config.log_connections) {
    if (log.to == LogDestination::kPostgresql) check_database(log, found);
    if (log.to == LogDestination::kKafka) check_topic(log, found);
    if (!goes_to_socket(log)) continue;
    for (const Finding& one :
         check_stream(socket_settings(log), config.status, kServerPatience).wrong) {
      found.wrong.push_back({"connection_log_unreachable", one.impact,
                             "start the program that reads the lines, or correct path, address "
                             "and port",
                             log.name});
    }
  }
  return found;
}

}  // namespace ctflow
