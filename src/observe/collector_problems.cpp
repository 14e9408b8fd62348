// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/collector_problems.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>

#include "text/octets_text.hpp"

namespace ctflow {
namespace {

bool goes_by(const OutputStatus& one, TransportKind transport) {
  return one.collector && one.collector->transport == transport;
}

bool is_stream(const OutputStatus& one) {
  return goes_by(one, TransportKind::kTcp) || goes_by(one, TransportKind::kTls);
}

/// As long as a peer has no address, its name stands for it.
bool has_address(const std::string& peer) {
  if (peer.rfind('/', 0) == 0) return true;  // a directory needs none
  std::string host = peer.substr(0, peer.rfind(':'));
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

std::string seconds_ago(const Ago& ago) { return fmt::format("{} s ago", ago ? ago->count() : 0); }

/// The octets that decide when messages are lost, and their limit.
struct Fill {
  std::uint64_t used = 0;
  std::uint64_t limit = 0;
  const char* setting = "";
};

Fill fill_of(const Backlog& backlog) {
  if (backlog.disk_limit > 0) return {backlog.disk, backlog.disk_limit, "spool.size"};
  return {backlog.memory, backlog.memory_limit, "spool.memory"};
}

/// What becomes of the flows for a collector that cannot be reached.
std::string consequence(const OutputStatus& one) {
  std::string text;
  if (one.backlog) {
    const Fill fill = fill_of(*one.backlog);
    const bool disk = one.backlog->disk_limit > 0;
    text = fmt::format("{} flows wait {}; beyond {} ({}) the oldest are lost",
                       one.counters.waiting.flows, disk ? "on disk" : "in memory", fill.setting,
                       octets_text(fill.limit));
    if (!disk) text += ", and all of them when ctflowd stops";
    if (one.counters.lost() == 0) return text;
    text += "; ";
  }
  return text + fmt::format("{} flows are lost so far", one.counters.lost());
}

std::string reason_of(const OutputStatus& one) {
  const std::string& reason = one.last_failure.reason;
  return reason.empty() ? "no attempt has succeeded yet" : reason;
}

const char* advice(const OutputStatus& one) {
  if (goes_by(one, TransportKind::kFile)) return "give the directory room, and ctflowd access";
  switch (one.last_failure.kind) {
    case FailureKind::kNoAnswer:
      return "look whether the host is up and which packet filter on the way drops the connection";
    case FailureKind::kHandshake:
      return "correct tls.ca_file and tls.server_name, or the certificate that is refused: openssl "
             "s_client -connect ADDRESS:PORT";
    case FailureKind::kBroken:
      return "see the collector's own log; a connection is tried again every few seconds";
    default:
      return "ip route get ADDRESS; correct the route, bind_device or source_address";
  }
}

Problem unreachable(const OutputStatus& one) {
  const std::string reason = reason_of(one);
  std::string impact;
  if (goes_by(one, TransportKind::kFile)) {
    impact = fmt::format("no file can be written in {}: {}", one.peer, reason);
  } else if (is_stream(one)) {
    impact = fmt::format("there is no connection to {}: {}", one.peer, reason);
  } else {
    impact = fmt::format("nothing can be sent to {}: {}", one.peer, reason);
  }
  return {"collector_unreachable", one.name, impact + "; " + consequence(one), advice(one)};
}

Problem refused(const OutputStatus& one) {
  const char* mend = "start the collector, or correct its address and port";
  if (is_stream(one)) {
    return {"collector_refused", one.name,
            fmt::format("the host of {} refuses connections ({} so far): no program listens at "
                        "this port; {}",
                        one.peer, one.collector->refusals, consequence(one)),
            mend};
  }
  return {"collector_refused", one.name,
          fmt::format("the host of {} answered {} messages with a refusal, the last {}: no program "
                      "listened at this port, and what was sent until then is lost; how much that "
                      "is cannot be known",
                      one.peer, one.collector->refusals, seconds_ago(one.collector->last_refusal)),
          mend};
}

Problem lossy(const OutputStatus& one) {
  const bool kept = one.backlog.has_value();
  return {"collector_lossy", one.name,
          fmt::format("{} connections could not be sent to {}, the last {}", one.counters.lost(),
                      one.peer, seconds_ago(one.last_loss)),
          kept ? "see the log: spool_lost; raise spool.size or spool.memory"
               : "see the log: send_failed error="};
}

/// What waits will soon find no room, connection or not.
void check_fill(const OutputStatus& one, std::vector<Problem>& found) {
  if (!one.backlog) return;
  const Fill fill = fill_of(*one.backlog);
  if (fill.used < fill.limit / 10 * 9) return;
  found.push_back(
      {"spool_nearly_full", one.name,
       fmt::format("{} of {} ({}) are in use: the oldest flows for {} are lost when it "
                   "is full",
                   octets_text(fill.used), octets_text(fill.limit), fill.setting, one.peer),
       fmt::format("raise {}, or find out why the collector takes so little", fill.setting)});
}

void check_spool(const OutputStatus& one, std::vector<Problem>& found) {
  if (!one.backlog || one.backlog->trouble.empty()) return;
  found.push_back(
      {"spool_unusable", one.name,
       fmt::format("spool.directory cannot be used now ({}): new messages wait in memory only, "
                   "and what is on disk is not sent until it can be used again",
                   one.backlog->trouble),
       "see the log: spool_failed directory= error=; it is tried again every second"});
}

/// Sent, and the disk says that it was not.
void check_unrecorded(const OutputStatus& one, std::vector<Problem>& found) {
  if (one.counters.unrecorded.messages == 0) return;
  found.push_back({"spool_unrecorded", one.name,
                   fmt::format("{} flows were sent, and the disk could not be written to note it: "
                               "if ctflowd ends now the next start sends them again",
                               one.counters.unrecorded.flows),
                   "make spool.directory writable before ctflowd is stopped"});
}

}  // namespace

CollectorState state_of(const OutputStatus& output) {
  const FailureKind kind = output.last_failure.kind;
  if (!output.connected) {
    if (!output.collector) return CollectorState::kUnreachable;
    const bool unresolved = is_stream(output) && kind == FailureKind::kUnresolved;
    if (unresolved || !has_address(output.peer)) return CollectorState::kUnresolved;
    return kind == FailureKind::kRefused ? CollectorState::kRefused : CollectorState::kUnreachable;
  }
  if (goes_by(output, TransportKind::kUdp) && recent(output.collector->last_refusal)) {
    return CollectorState::kRefused;
  }
  if (recent(output.last_loss)) return CollectorState::kLossy;
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

const char* name_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::kNone:
      return "none";
    case FailureKind::kUnresolved:
      return "unresolved";
    case FailureKind::kRefused:
      return "refused";
    case FailureKind::kNoAnswer:
      return "no_answer";
    case FailureKind::kHandshake:
      return "handshake";
    case FailureKind::kUnreachable:
      return "unreachable";
    case FailureKind::kBroken:
      return "broken";
    case FailureKind::kFile:
      return "file";
  }
  return "";
}

void find_collector_problems(const OutputStatus& output, std::vector<Problem>& found) {
  switch (state_of(output)) {
    case CollectorState::kOk:
      break;
    case CollectorState::kUnresolved:
      found.push_back(
          {"collector_unresolved", output.name,
           fmt::format("{} has no address: {}; {}", output.peer, reason_of(output),
                       consequence(output)),
           "correct the name or the name service; it is asked again every few seconds"});
      break;
    case CollectorState::kUnreachable:
      found.push_back(unreachable(output));
      break;
    case CollectorState::kRefused:
      found.push_back(refused(output));
      break;
    case CollectorState::kLossy:
      found.push_back(lossy(output));
      break;
  }
  check_fill(output, found);
  check_spool(output, found);
  check_unrecorded(output, found);
}

}  // namespace ctflow
