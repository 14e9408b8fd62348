// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/collector_status.hpp"

#include <algorithm>

namespace ctflow {
namespace {

/// How long ago that was; where the clock was set back: now.
template <typename Time>
std::chrono::seconds age_of(Time time, Time now) {
  return std::max(std::chrono::duration_cast<std::chrono::seconds>(now - time),
                  std::chrono::seconds(0));
}

}  // namespace

CollectorStatus collector_status(const Exporter& exporter, const Instant& now) {
  const Transport& transport = exporter.transport();
  CollectorStatus status;
  status.name = exporter.name();
  status.peer = transport.peer();
  status.protocol = exporter.config().protocol;
  status.transport = exporter.config().transport;
  status.connected = transport.connected();
  status.healthy = exporter.healthy();
  status.refusals = transport.refusals();
  status.last_failure = transport.last_failure();
  if (status.last_failure.kind != FailureKind::kNone) {
    status.last_failure_age = age_of(status.last_failure.at, now.steady);
  }
  status.backlog = transport.backlog();
  if (status.backlog && status.backlog->oldest) {
    status.oldest_waiting = age_of(*status.backlog->oldest, now.wall);
  }
  status.counters = exporter.counters();
  return status;
}

}  // namespace ctflow
