// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/collector_problems.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>

#include "findings/certificate_expiry.hpp"
#include "findings/table_fill.hpp"
#include "observe/recent.hpp"
#include "text/endpoint_text.hpp"
#include "text/octets_text.hpp"
#include "text/people_text.hpp"

namespace ctflow {
namespace {

using text::count_text;

/// "1 flow report".
std::string reports_text(std::uint64_t number) {
  return count_text(number, "flow report", "flow reports");
}

bool goes_by(const OutputStatus& one, TransportKind transport) {
  const auto* const collector = std::get_if<CollectorStatus>(&one.details);
  return collector != nullptr && collector->transport == transport;
}

bool is_stream(const OutputStatus& one) {
  return goes_by(one, TransportKind::kTcp) || goes_by(one, TransportKind::kTls);
}

/// A peer without an address is given by its name.
bool has_address(const std::string& peer) {
  if (peer.rfind('/', 0) == 0) return true;  // a directory
  const auto parts = text::split_endpoint(peer);
  boost::system::error_code error;
  if (parts) boost::asio::ip::make_address(parts->host, error);
  return parts && !error;
}

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

/// What happens to the flows for a collector that cannot be reached.
std::string consequence(const OutputStatus& one) {
  std::string text;
  if (one.backlog) {
    const Fill fill = fill_of(*one.backlog);
    const bool disk = one.backlog->disk_limit > 0;
    text = fmt::format(
        "{} {}; beyond {} ({}) the oldest are lost",
        count_text(one.counters.waiting.flows, "flow report waits", "flow reports wait"),
        disk ? "on disk" : "in memory", fill.setting, octets_text(fill.limit));
    if (!disk) text += ", and all of them when ctflowd stops";
    if (one.counters.lost() == 0) return text;
    text += "; ";
  }
  return text + reports_text(one.counters.lost()) + " lost so far";
}

std::string reason_of(const OutputStatus& one) {
  const std::string& reason = one.last_failure.reason;
  return reason.empty() ? "no attempt has succeeded yet" : reason;
}

const char* advice(const OutputStatus& one) {
  if (goes_by(one, TransportKind::kFile))
    return "make room in the directory, and give ctflowd access";
  switch (one.last_failure.kind) {
    case FailureKind::kNoAnswer:
      return "check that the host is up and which packet filter on the path drops the connection";
    case FailureKind::kHandshake:
      return "correct tls.ca_file and tls.server_name, or the certificate that is refused: openssl "
             "s_client -connect ADDRESS:PORT";
    case FailureKind::kBroken:
      return "see the collector's log; ctflowd reconnects every few seconds";
    default:
      return "ip route get ADDRESS; correct the route, bind_device or source_address";
  }
}

Finding unreachable(const OutputStatus& one) {
  const std::string reason = reason_of(one);
  std::string impact;
  if (goes_by(one, TransportKind::kFile)) {
    impact = fmt::format("files cannot be written in {}: {}", one.peer, reason);
  } else if (is_stream(one)) {
    impact = fmt::format("no connection to {}: {}", one.peer, reason);
  } else {
    impact = fmt::format("no messages can be sent to {}: {}", one.peer, reason);
  }
  return {"collector_unreachable", impact + "; " + consequence(one), advice(one)};
}

Finding refused(const OutputStatus& one, const CollectorStatus& collector) {
  const char* fix = "start the collector, or correct its address and port";
  if (is_stream(one)) {
    return {
        "collector_refused",
        fmt::format("the host of {} refuses connections ({} so far): no program listens at this "
                    "port; {}",
                    one.peer, count_text(collector.refusals), consequence(one)),
        fix};
  }
  return {"collector_refused",
          fmt::format("the host of {} refused {} (ICMP port unreachable), the last {}: "
                      "messages sent before that were probably lost",
                      one.peer, count_text(collector.refusals, "message", "messages"),
                      seconds_ago(collector.last_refusal)),
          fix};
}

Finding lossy(const OutputStatus& one) {
  const bool spooled = one.backlog.has_value();
  return {"collector_lossy",
          fmt::format("{} could not be sent to {}, the last {}", reports_text(one.counters.lost()),
                      one.peer, seconds_ago(one.last_loss)),
          spooled ? "see the log: spool_lost; raise spool.size or spool.memory"
                  : "see the log: send_failed error="};
}

/// The spool is nearly full, whether connected or not.
void check_fill(const OutputStatus& one, std::vector<Finding>& found) {
  if (!one.backlog) return;
  const Fill fill = fill_of(*one.backlog);
  if (!nearly_full(fill.used, fill.limit)) return;
  found.push_back(
      {"spool_nearly_full",
       fmt::format("{} of {} ({}) are in use: when it is full the oldest messages for {} are lost",
                   octets_text(fill.used), octets_text(fill.limit), fill.setting, one.peer),
       fmt::format("raise {}, or find out why the collector is slow", fill.setting)});
}

void check_spool(const OutputStatus& one, std::vector<Finding>& found) {
  if (!one.backlog || one.backlog->trouble.empty()) return;
  found.push_back(
      {"spool_unusable",
       fmt::format("spool.directory cannot be used ({}): new messages wait in memory only, and "
                   "those on disk are not sent until it can",
                   one.backlog->trouble),
       "see the log: spool_failed directory= error=; tried again every second"});
}

void check_certificates(const CollectorStatus& collector, std::vector<Finding>& found) {
  for (const CertificateStatus& each : collector.certificates) {
    if (auto finding = expiry_finding(each.certificate, each.left)) {
      found.push_back(std::move(*finding));
    }
  }
}

/// Sent, but not marked as sent on disk.
void check_unrecorded(const OutputStatus& one, std::vector<Finding>& found) {
  if (one.counters.unrecorded.messages == 0) return;
  const std::uint64_t reports = one.counters.unrecorded.flows;
  found.push_back(
      {"spool_unrecorded",
       fmt::format("{} sent, but could not be marked as sent on disk: if ctflowd stops now the "
                   "next start sends {} again",
                   count_text(reports, "flow report was", "flow reports were"),
                   reports == 1 ? "it" : "them"),
       "make spool.directory writable before ctflowd is stopped"});
}

/// A socket for datagrams is connected for the first message, which NetFlow v5, without templates,
/// has with the first flow: until then nothing has failed.
bool is_untried(const OutputStatus& one) {
  const FailureKind kind = one.last_failure.kind;
  return goes_by(one, TransportKind::kUdp) && has_address(one.peer) &&
         (kind == FailureKind::kNone || kind == FailureKind::kUnresolved);
}

}  // namespace

CollectorState state_of(const OutputStatus& output) {
  const auto* const collector = std::get_if<CollectorStatus>(&output.details);
  const FailureKind kind = output.last_failure.kind;
  if (!output.connected && !is_untried(output)) {
    if (collector == nullptr) return CollectorState::kUnreachable;
    const bool unresolved = is_stream(output) && kind == FailureKind::kUnresolved;
    if (unresolved || !has_address(output.peer)) return CollectorState::kUnresolved;
    return kind == FailureKind::kRefused ? CollectorState::kRefused : CollectorState::kUnreachable;
  }
  if (goes_by(output, TransportKind::kUdp) && recent(collector->last_refusal)) {
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
    case FailureKind::kDiskFull:
      return "disk_full";
    case FailureKind::kReadOnly:
      return "read_only";
    case FailureKind::kNoAccess:
      return "no_access";
    case FailureKind::kDamaged:
      return "damaged";
    case FailureKind::kInUse:
      return "in_use";
  }
  return "";
}

void find_output_problems(const OutputStatus& output, const CollectorStatus& collector,
                          std::vector<Finding>& found) {
  switch (state_of(output)) {
    case CollectorState::kOk:
      break;
    case CollectorState::kUnresolved:
      found.push_back(
          {"collector_unresolved",
           fmt::format("{} has no address: {}; {}", output.peer, reason_of(output),
                       consequence(output)),
           "correct the name or the name service; it is looked up again every few seconds"});
      break;
    case CollectorState::kUnreachable:
      found.push_back(unreachable(output));
      break;
    case CollectorState::kRefused:
      found.push_back(refused(output, collector));
      break;
    case CollectorState::kLossy:
      found.push_back(lossy(output));
      break;
  }
  check_fill(output, found);
  check_spool(output, found);
  check_unrecorded(output, found);
  check_certificates(collector, found);
}

}  // namespace ctflow
