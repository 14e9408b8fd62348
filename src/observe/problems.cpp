// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/problems.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>

namespace ctflow {
namespace {

bool recent(const Ago& ago) { return ago && *ago <= kRecently; }

/// A peer is told by its name as long as it has no address.
bool has_address(const std::string& peer) {
  if (peer.rfind('/', 0) == 0) return true;  // a directory: nobody has to be asked for it
  std::string host = peer.substr(0, peer.rfind(':'));
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

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

void check_collector(const CollectorStatus& one, std::vector<Problem>& found) {
  const auto add = [&](const char* name, std::string means, const char* mend) {
    found.push_back({name, one.name, std::move(means), mend});
  };
  switch (state_of(one)) {
    case CollectorState::kOk:
      return;
    case CollectorState::kUnresolved:
      add("collector_unresolved",
          fmt::format("{} has no address, its flows are lost ({} so far)", one.peer,
                      one.counters.lost_unresolved),
          "mend the name or the name service; it is asked again every few seconds");
      return;
    case CollectorState::kUnreachable:
      add("collector_unreachable", fmt::format("there is no way to {}", one.peer),
          "see the log: collector_unreachable error=");
      return;
    case CollectorState::kRefused:
      add("collector_refused",
          fmt::format("{} answered {} times that nobody listens there, the last {}: what was sent "
                      "before that was in vain",
                      one.peer, one.refusals, seconds_ago(one.last_refusal)),
          "start the collector, or correct its address and port");
      return;
    case CollectorState::kLossy:
      add("collector_lossy",
          fmt::format("{} connections could not be sent to {}, the last {}", one.counters.lost(),
                      one.peer, seconds_ago(one.last_loss)),
          "see the log: send_failed error=");
      return;
  }
}

}  // namespace

CollectorState state_of(const CollectorStatus& collector) {
  if (!collector.connected) {
    return has_address(collector.peer) ? CollectorState::kUnreachable : CollectorState::kUnresolved;
  }
  if (recent(collector.last_refusal)) return CollectorState::kRefused;
  if (recent(collector.last_loss)) return CollectorState::kLossy;
  return CollectorState::kOk;
}

const char* name_of(CollectorState state) {
  switch (state) {
    case CollectorState::kOk:
      return "ok";
    case CollectorState::kUnresolved:
      return "unresolved";
    case CollectorState::kUnreachable:
      return "unreachable";
    case CollectorState::kRefused:
      return "refused";
    case CollectorState::kLossy:
      return "lossy";
  }
  return "";
}

std::vector<Problem> find_problems(const Status& status) {
  std::vector<Problem> found;
  for (const NamespaceStatus& one : status.namespaces) check_kernel_side(one, found);
  for (const NamespaceStatus& one : status.namespaces) check_timeouts(one, found);
  for (const NamespaceStatus& one : status.namespaces) {
    for (const CollectorStatus& collector : one.collectors) check_collector(collector, found);
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
