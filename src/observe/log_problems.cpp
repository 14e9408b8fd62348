// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/log_problems.hpp"

#include <fmt/format.h>

#include "findings/table_fill.hpp"
#include "observe/recent.hpp"
#include "text/octets_text.hpp"
#include "text/people_text.hpp"

namespace ctflow {
namespace {

bool log_is_socket(LogDestination to) {
  return to == LogDestination::kUnix || to == LogDestination::kTcp;
}

const char* fix_of_way(LogDestination to) {
  if (to == LogDestination::kKafka) return "start the brokers, or correct brokers and settings";
  if (log_is_socket(to)) {
    return "start the program that reads them, or correct path, address and port";
  }
  return "see the log: connection_log_failed error= fix=";
}

const char* fix_of_losses(LogDestination to) {
  if (to == LogDestination::kKafka) {
    return "see the log: connection_log_refused error=, kafka_client_failed error=, spool_lost; if "
           "buffer was full raise it, or set spool.directory; if spool.size was, raise it";
  }
  if (to == LogDestination::kPostgresql) {
    return "see the log: connection_log_failed, connection_log_row_refused; or raise buffer";
  }
  return log_is_socket(to) ? "raise spool.memory or spool.size, or let the reader be faster"
                           : "raise buffer, or use a faster disk";
}

/// The octets that decide when lines are lost, and their limit.
struct LogFill {
  std::uint64_t used;
  std::uint64_t limit;
  const char* setting;
};

LogFill fill_of_log(const Backlog& backlog, LogDestination to) {
  if (backlog.disk_limit > 0) return {backlog.disk, backlog.disk_limit, "spool.size"};
  return {backlog.memory, backlog.memory_limit, log_is_socket(to) ? "spool.memory" : "buffer"};
}

std::string log_consequence(const OutputStatus& one, LogDestination to) {
  std::string text;
  if (one.backlog) {
    const LogFill fill = fill_of_log(*one.backlog, to);
    text = fmt::format("{}; beyond {} ({}) lines are lost; ",
                       text::count_text(one.counters.waiting.records, "line waits", "lines wait"),
                       fill.setting, octets_text(fill.limit));
  }
  return text + text::count_text(one.counters.lost()) + " lost so far";
}

void check_log_way(const OutputStatus& one, LogDestination to, std::vector<Finding>& found) {
  if (one.connected) return;
  const std::string& reason = one.last_failure.reason;
  found.push_back({"connection_log_unreachable",
                   fmt::format("no lines can be written to {}: {}; {}", one.peer,
                               reason.empty() ? "no attempt has succeeded yet" : reason,
                               log_consequence(one, to)),
                   fix_of_way(to)});
}

void check_log_losses(const OutputStatus& one, LogDestination to, std::vector<Finding>& found) {
  if (!one.connected || !recent(one.last_loss)) return;
  const std::uint64_t lines = one.counters.lost();
  found.push_back(
      {"connection_log_lossy",
       fmt::format("{} for {} {} lost, the last {}", text::count_text(lines, "line", "lines"),
                   one.peer, lines == 1 ? "was" : "were", seconds_ago(one.last_loss)),
       fix_of_losses(to)});
}

void check_log_fill(const OutputStatus& one, LogDestination to, std::vector<Finding>& found) {
  if (!one.backlog) return;
  const LogFill fill = fill_of_log(*one.backlog, to);
  if (!nearly_full(fill.used, fill.limit)) return;
  found.push_back({"connection_log_nearly_full",
                   fmt::format("{} of {} ({}) are in use: when it is full lines are lost",
                               octets_text(fill.used), octets_text(fill.limit), fill.setting),
                   fmt::format("raise {}, or find out why {} is slow", fill.setting, one.peer)});
}

void check_log_spool(const OutputStatus& one, std::vector<Finding>& found) {
  if (!one.backlog || one.backlog->trouble.empty()) return;
  found.push_back({"spool_unusable",
                   fmt::format("spool.directory cannot be used ({}): new lines wait in memory "
                               "only, and those on disk are not sent until it can",
                               one.backlog->trouble),
                   "see the log: spool_failed directory= error=; tried again every second"});
}

}  // namespace

void find_output_problems(const OutputStatus& output, const ConnectionLogStatus& log,
                          std::vector<Finding>& found) {
  check_log_way(output, log.to, found);
  check_log_losses(output, log.to, found);
  check_log_fill(output, log.to, found);
  check_log_spool(output, found);
}

}  // namespace ctflow
