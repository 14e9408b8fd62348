// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/problems.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "findings/database_failure.hpp"
#include "findings/table_fill.hpp"
#include "observe/collector_problems.hpp"
#include "observe/log_problems.hpp"
#include "observe/recent.hpp"
#include "text/people_text.hpp"

namespace ctflow {
namespace {

using text::count_text;

/// Who it may be that sets counters to zero, behind what they do.
std::string seen_text(const CounterResetters& resetters) {
  if (!resetters.programs.empty()) {
    return fmt::format("; seen: {}", fmt::join(resetters.programs, ", "));
  }
  return resetters.hidden ? "; processes of others are not seen from here" : "";
}

void check_kernel_side(const NamespaceStatus& one, std::vector<Finding>& found) {
  if (one.events_off) {
    found.push_back({"events_off",
                     "the kernel sends no events of connections that begin: their ends are not "
                     "exported, and what they count after their last interim report is lost; the "
                     "NAT log and accounting are incomplete",
                     "sysctl -w net.netfilter.nf_conntrack_events=1"});
  }
  if (recent(one.last_overrun)) {
    const std::uint64_t events = one.source.lost_overrun + one.source.lost_ends;
    found.push_back(
        {"events_lost",
         fmt::format("the kernel dropped {}, the last {}: {} what came after the previous report",
                     count_text(events, "event", "events"), seconds_ago(one.last_overrun),
                     events == 1 ? "its connection is not exported, or lacks"
                                 : "their connections are not exported, or lack"),
         one.kernel.capabilities.ends
             ? "give ctflowd more CPU time, or filter what is not wanted"
             : "raise source.receive_buffer and source.receive_buffer_limit"});
  }
  if (recent(one.last_no_counters)) {
    const std::uint64_t reports = one.pipeline.lost_no_counters;
    found.push_back(
        {"no_counters",
         fmt::format("{} no counters, the last {}: {} not exported",
                     count_text(reports, "flow report had", "flow reports had"),
                     seconds_ago(one.last_no_counters), reports == 1 ? "it is" : "they are"),
         "sysctl -w net.netfilter.nf_conntrack_acct=1"});
  }
  if (recent(one.last_fall)) {
    found.push_back(
        {"counters_fell",
         fmt::format("another program set the counters of {} to zero, the last {}: what was "
                     "counted since {} previous report is not exported (at least {}; {} removed "
                     "without a packet){}",
                     count_text(one.source.counters_fell, "connection", "connections"),
                     seconds_ago(one.last_fall), one.source.counters_fell == 1 ? "its" : "their",
                     count_text(one.source.fallen_packets, "packet", "packets"),
                     count_text(one.source.ended_empty, "connection was", "connections were"),
                     seen_text(one.kernel.resetters)),
         one.kernel.resetters.programs.empty() && one.kernel.resetters.hidden
             ? "ctflowd doctor as root names nlbwmon where it runs: stop it, and no conntrack -z"
             : "stop that program, or let it read without zeroing (nlbwmon, conntrack -L -z)"});
  }
  const EventQueueStatus& queue = one.kernel.queue;
  if (queue.limit > 0 && queue.used > queue.limit / 2) {
    found.push_back(
        {"queue_filling",
         fmt::format("{} of {} octets of the receive buffer are in use: events are lost "
                     "when it is full",
                     count_text(queue.used), count_text(queue.limit)),
         "raise source.receive_buffer_limit, or give ctflowd more CPU time"});
  }
  if (const auto full = table_nearly_full(one.table_entries, one.table_limit)) {
    found.push_back(*full);
  }
  const ReportedStatus& reported = one.kernel.reported;
  if (reported.limit > 0 && reported.connections >= reported.limit) {
    found.push_back(
        {"live_connections_full",
         "there are no interim reports of further connections: they are exported at their end",
         "raise source.live_connections"});
  }
}

void check_timeouts(const NamespaceStatus& one, std::vector<Finding>& found) {
  const bool never = one.kernel.timeouts == TimeoutKnowledge::kNeverRead;
  if (!never && one.kernel.timeouts != TimeoutKnowledge::kKept) return;
  found.push_back({"timeouts_unreadable",
                   never
                       ? "the kernel's timeouts could not be read: end times are wrong where they "
                         "are not the defaults"
                       : "the kernel's timeouts can no longer be read: end times are wrong if "
                         "they were changed since",
                   "see the log: timeouts_unreadable file="});
}

void find_output_problems(const OutputStatus& one, const NatLogStatus& log,
                          std::vector<Finding>& found) {
  if (!one.connected) {
    found.push_back({"nat_log_not_written",
                     fmt::format("{}: beginnings and ends of translations wait in memory, and are "
                                 "lost when nat_log.queue is full",
                                 one.last_failure.reason),
                     database_fix(one.last_failure.kind, DatabaseUse::kNatLog)});
  }
  if (recent(one.last_loss)) {
    found.push_back(
        {"nat_log_losses",
         fmt::format("{} not logged, the last {}: look-ups cannot say who used a port "
                     "then",
                     count_text(one.counters.lost(), "beginning or end of a translation was",
                                "beginnings and ends of translations were"),
                     seconds_ago(one.last_loss)),
         "a faster disk, or raise nat_log.queue"});
  }
  if (!log.maps) return;
  const NatMapsStatus& maps = *log.maps;
  if (!maps.unreadable.empty()) {
    found.push_back({"nat_log_maps_unreadable",
                     fmt::format("the maps of the ruleset cannot be read ({}): all translations "
                                 "are stored",
                                 maps.unreadable),
                     "CAP_NET_ADMIN, and a kernel with nf_tables; or nat_log.log: all"});
  }
  for (const std::string& why : maps.left_out) {
    found.push_back({"nat_log_map_left_out", fmt::format("{}: its translations are stored", why),
                     "give each inside address public ports of its own; or leave it so"});
  }
}

void find_output_problems(const OutputStatus& one, const AccountingStatus& /*accounting*/,
                          std::vector<Finding>& found) {
  if (one.connected) return;
  found.push_back({"accounting_not_written",
                   fmt::format("{}: what is counted waits in memory; rows of small keys merge into "
                               "other",
                               one.last_failure.reason),
                   database_fix(one.last_failure.kind, DatabaseUse::kAccounting)});
}

void check_output(const OutputStatus& one, std::vector<Finding>& found) {
  std::visit([&](const auto& details) { find_output_problems(one, details, found); }, one.details);
}

void check_database(const DatabaseStatus& one, std::vector<Finding>& found) {
  if (one.error.empty()) return;
  found.push_back({"database_unusable",
                   one.error + (one.type.empty() ? "; what it is to say is exported as unknown"
                                                 : "; the one before stays in use"),
                   "put a complete file there that ctflowd can read: it is read when it changes",
                   one.setting});
}

}  // namespace

std::vector<Finding> find_problems(const Status& status) {
  std::vector<Finding> found;
  const auto check = [&](auto work, const auto& one) {
    const std::size_t first = found.size();
    work(one, found);
    set_subject(found, first, one.name);
  };
  for (const NamespaceStatus& one : status.namespaces) check(check_kernel_side, one);
  for (const NamespaceStatus& one : status.namespaces) check(check_timeouts, one);
  for (const NamespaceStatus& one : status.namespaces) {
    for (const OutputStatus& output : one.outputs) check(check_output, output);
  }
  for (const DatabaseStatus& one : status.databases) check_database(one, found);
  for (const MissingNamespace& one : status.missing_namespaces) {
    found.push_back(
        {"namespace_missing",
         "the network namespace is not open, its connections are not exported: " + one.why,
         "ip netns list; it is opened as soon as it exists", one.name});
  }
  if (!status.listen_error.empty()) {
    found.push_back(
        {"status_listen_unavailable", status.listen_error, "ss -ltnp; tried again every second"});
  }
  if (!status.reloads.last_succeeded) {
    found.push_back(
        {"reload_failed",
         "the configuration of the last reload is not in use: " + status.reloads.last_error,
         "ctflowd check, then reload again"});
  }
  return found;
}

}  // namespace ctflow
