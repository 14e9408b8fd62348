// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/problems.hpp"

#include <fmt/format.h>

#include "observe/collector_problems.hpp"

namespace ctflow {
namespace {

std::string seconds_ago(const Ago& ago) { return fmt::format("{} s ago", ago ? ago->count() : 0); }

void check_kernel_side(const NamespaceStatus& one, std::vector<Problem>& found) {
  if (recent(one.last_overrun)) {
    found.push_back({"events_lost", one.name,
                     fmt::format("the kernel dropped {} events, the last {}: their connections "
                                 "are not exported, or without what came after the last report",
                                 one.source.lost_overrun, seconds_ago(one.last_overrun)),
                     "raise source.receive_buffer and source.receive_buffer_limit"});
  }
  if (recent(one.last_no_counters)) {
    found.push_back({"no_counters", one.name,
                     fmt::format("the kernel did not count the packets of {} connections, the "
                                 "last {}: they are not exported",
                                 one.pipeline.lost_no_counters, seconds_ago(one.last_no_counters)),
                     "sysctl -w net.netfilter.nf_conntrack_acct=1"});
  }
  if (recent(one.last_fall)) {
    found.push_back(
        {"counters_fell", one.name,
         fmt::format("another program set the counters of {} connections to zero, the last {}: "
                     "what they had counted since their last report is not exported ({} packets "
                     "at least; {} connections ended without a packet)",
                     one.source.counters_fell, seconds_ago(one.last_fall),
                     one.source.fallen_packets, one.source.ended_empty),
         "stop it, or let it read without zeroing: nlbwmon, conntrack -L -z; see the log: "
         "counters_fell running="});
  }
  const EventQueueStatus& queue = one.kernel.queue;
  if (queue.limit > 0 && queue.used > queue.limit / 2) {
    found.push_back({"queue_filling", one.name,
                     fmt::format("{} of {} octets of the receive buffer wait to be read: events "
                                 "will be lost when it is full",
                                 queue.used, queue.limit),
                     "raise source.receive_buffer_limit, or give ctflowd more processor time"});
  }
  if (one.table_limit > 0 && one.table_entries >= one.table_limit / 10 * 9) {
    found.push_back(
        {"table_nearly_full", one.name,
         fmt::format("{} of {} entries of the connection table are in use: the kernel "
                     "evicts connections early, then refuses new ones",
                     one.table_entries, one.table_limit),
         fmt::format("sysctl -w net.netfilter.nf_conntrack_max={}", one.table_limit * 2)});
  }
  const RememberedStatus& remembered = one.kernel.remembered;
  if (remembered.limit > 0 && remembered.connections >= remembered.limit) {
    found.push_back({"live_connections_full", one.name,
                     "further living connections are told only at their end",
                     "raise source.live_connections"});
  }
}

void check_timeouts(const NamespaceStatus& one, std::vector<Problem>& found) {
  const bool never = one.kernel.timeouts == TimeoutKnowledge::kNeverRead;
  if (!never && one.kernel.timeouts != TimeoutKnowledge::kKept) return;
  found.push_back({"timeouts_unreadable", one.name,
                   never ? "the kernel's timeouts could never be read: ends of flows are wrong by "
                           "the difference where they are not the defaults"
                         : "the kernel's timeouts cannot be read any more: ends of flows are wrong "
                           "by the difference if they were changed since",
                   "see the log: timeouts_unreadable file="});
}

}  // namespace

std::vector<Problem> find_problems(const Status& status) {
  std::vector<Problem> found;
  for (const NamespaceStatus& one : status.namespaces) check_kernel_side(one, found);
  for (const NamespaceStatus& one : status.namespaces) check_timeouts(one, found);
  for (const NamespaceStatus& one : status.namespaces) {
    for (const OutputStatus& output : one.outputs) find_collector_problems(output, found);
  }
  for (const MissingNamespace& one : status.missing_namespaces) {
    found.push_back(
        {"namespace_missing", one.name,
         "the network namespace is not open, its connections are not exported: " + one.why,
         "ip netns list; it is opened as soon as it is there"});
  }
  if (!status.listen_error.empty()) {
    found.push_back({"status_listen_unavailable", "", status.listen_error,
                     "ss -ltnp; it is tried again every second"});
  }
  if (!status.reloads.last_succeeded) {
    found.push_back(
        {"reload_failed", "",
         "the last change of the configuration is not in use: " + status.reloads.last_error,
         "ctflowd check, then reload again"});
  }
  return found;
}

}  // namespace ctflow
