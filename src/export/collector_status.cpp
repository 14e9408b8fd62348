// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/collector_status.hpp"

#include <algorithm>
#include <utility>

namespace ctflow {
namespace {

/// How long ago that was; where the clock was set back: now.
template <typename Time>
std::chrono::seconds age_of(Time time, Time now) {
  return std::max(std::chrono::duration_cast<std::chrono::seconds>(now - time),
                  std::chrono::seconds(0));
}

}  // namespace

OutputStatus status_of(const CollectorConfig& config, const Transport& transport,
                       const Instant& now) {
  OutputStatus status;
  status.name = config.name;
  status.peer = transport.peer();
  status.connected = transport.connected();
  status.last_failure = transport.last_failure();
  if (status.last_failure.kind != FailureKind::kNone) {
    status.last_failure_age = age_of(status.last_failure.at, now.steady);
  }
  status.collector =
      CollectorStatus{config.protocol, config.transport, transport.refusals(), {}, {}};
  for (const Certificate& certificate : transport.certificates()) {
    status.collector->certificates.push_back(
        {certificate, std::chrono::floor<std::chrono::seconds>(certificate.expires - now.wall)});
  }
  return status;
}

void add_backlog(OutputStatus& status, std::optional<Backlog> backlog, const Instant& now) {
  if (backlog && backlog->oldest) status.oldest_waiting = age_of(*backlog->oldest, now.wall);
  status.backlog = std::move(backlog);
}

}  // namespace ctflow
