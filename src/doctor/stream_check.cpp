// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/stream_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

#include "config/status_endpoint.hpp"
#include "doctor/fixes.hpp"
#include "event_loop/pending_handlers.hpp"
#include "findings/certificate_expiry.hpp"
#include "process/directory_obstacle.hpp"
#include "text/octets_text.hpp"
#include "transport/make_transport.hpp"
#include "transport/stream/dialer.hpp"

namespace ctflow {
namespace {

using Endpoint = boost::asio::ip::tcp::endpoint;

struct Outcome {
  FailureKind failure = FailureKind::kNone;
  std::string reason;
  std::string peer;
  Endpoint local;  ///< of the connection, if there was one
  Endpoint remote;
  std::vector<Certificate> certificates;  ///< of the connection
};

/// Waits as long as the peer may take to refuse us after the handshake.
void let_settle(boost::asio::io_context& io, const DialResult& dialed, Outcome& outcome) {
  constexpr std::chrono::steady_clock::duration kShortest = std::chrono::milliseconds(100);
  const std::shared_ptr<Connection> connection = dialed.connection;
  const PendingHandlers pending;
  bool ended = false;
  connection->read(
      pending.guard([&, connection](const Connection::Error& error, std::size_t /*octets*/) {
        ended = true;
        if (!error) return;  // data, which is no refusal
        outcome.failure = FailureKind::kHandshake;
        outcome.reason = connection->reason(error);
      }));
  const auto latest = std::chrono::steady_clock::now() + std::max(kShortest, dialed.took);
  io.restart();
  while (!ended && std::chrono::steady_clock::now() < latest) io.run_one_until(latest);
}

Outcome connect_once(const CollectorConfig& collector, std::chrono::milliseconds patience) {
  boost::asio::io_context io;
  Dialer dialer(io, collector, connection_maker(io, collector), patience);
  std::optional<DialResult> dialed;
  dialer.dial([&](const DialResult& result) { dialed = result; });
  while (!dialed && io.run_one() > 0) continue;
  Outcome outcome;
  outcome.peer = dialer.peer();
  if (!dialed) return {FailureKind::kNoAnswer, "no answer", dialer.peer(), {}, {}, {}};
  outcome.failure = dialed->failure;
  outcome.reason = dialed->error;
  if (!dialed->connection) return outcome;
  Connection::Error ignored;
  outcome.local = dialed->connection->socket().local_endpoint(ignored);
  outcome.remote = dialed->connection->socket().remote_endpoint(ignored);
  outcome.certificates = dialed->connection->certificates();
  if (dialed->connection->may_refuse_late()) let_settle(io, *dialed, outcome);
  dialed->connection->say_goodbye();
  dialed->connection->close();
  io.restart();
  io.poll();  // the read ends with the connection
  return outcome;
}

std::string consequence(const CollectorConfig& collector) {
  if (collector.spool.directory.empty() ||
      !obstacle_in(collector.spool.directory, DirectoryUse::kMakeAndFindFiles).empty()) {
    return fmt::format(
        "flows wait in memory up to spool.memory ({}), then the oldest are lost, and "
        "all of them when ctflowd stops",
        octets_text(collector.spool.memory));
  }
  return fmt::format("flows wait in {} up to spool.size ({}), then the oldest are lost",
                     collector.spool.directory, octets_text(collector.spool.size));
}

Finding finding_of(const CollectorConfig& collector, const Outcome& outcome) {
  const std::string becomes = consequence(collector);
  switch (outcome.failure) {
    case FailureKind::kUnresolved:
      return {"collector_unresolved",
              fmt::format("{} has no address: {}; {}", collector.address, outcome.reason, becomes),
              "correct the address or the name service"};
    case FailureKind::kRefused:
      return {
          "collector_refused",
          fmt::format("the host answers that no program listens at {}; {}", outcome.peer, becomes),
          "start the collector, or correct its address and port"};
    case FailureKind::kNoAnswer:
      return {"collector_silent",
              fmt::format("{}: {}; the host is down, or a packet filter on the path drops the "
                          "connection; {}",
                          outcome.peer, outcome.reason, becomes),
              fmt::format("permit TCP port {} to {}", collector.port, collector.address)};
    case FailureKind::kHandshake:
      return {"collector_rejected",
              fmt::format("{} accepts connections, but TLS fails: {}; {}", outcome.peer,
                          outcome.reason, becomes),
              fmt::format("correct tls.ca_file, tls.server_name or the certificates; openssl "
                          "s_client -connect {}:{} shows that of the collector",
                          collector.address, collector.port)};
    default:
      return {"collector_unreachable",
              fmt::format("{} cannot be reached: {}; {}", outcome.peer, outcome.reason, becomes),
              fix_of_way(collector)};
  }
}

/// A connection to an address of this host has that address at both ends.
bool is_own_status(const Outcome& outcome, const StatusConfig& status) {
  if (status.listen.empty()) return false;
  const Endpoint own = status_endpoint(status.listen);
  if (outcome.remote.port() != own.port()) return false;
  return outcome.remote.address() == own.address() ||
         (own.address().is_unspecified() && outcome.remote.address() == outcome.local.address());
}

}  // namespace

Findings check_stream(const CollectorConfig& collector, const StatusConfig& status,
                      std::chrono::milliseconds patience) {
  const Outcome outcome = connect_once(collector, patience);
  Findings found;
  if (outcome.failure != FailureKind::kNone) {
    found.wrong.push_back(finding_of(collector, outcome));
  } else if (is_own_status(outcome, status)) {
    found.wrong.push_back({"collector_is_status",
                           fmt::format("{} is status.listen of this ctflowd: it accepts "
                                       "connections, and the flows are lost",
                                       outcome.peer),
                           "correct the collector's address and port, or status.listen"});
  }
  for (const Certificate& certificate : outcome.certificates) {
    if (certificate.owner != CertificateOwner::kCollector) continue;  // check_places() has ours
    if (auto finding = expiry_finding(certificate, left_of(certificate))) {
      found.wrong.push_back(std::move(*finding));
    }
  }
  return found;
}

}  // namespace ctflow
