// SPDX-License-Identifier: GPL-2.0-or-later
// What the reader of events and the reader of the table share.
#pragma once

#include "conntrack/early_drops.hpp"
#include "conntrack/live_connections.hpp"
#include "conntrack/timeouts.hpp"
#include "ctflow/config.hpp"
#include "ctflow/flow_source.hpp"
#include "observe/log.hpp"

namespace ctflow {

struct Reading {
  Reading(FlowSink& to, SourceCounters& ledger, const SourceConfig& config,
          LiveConnections::Steady began)
      : sink(to),
        counters(ledger),
        live(config.live_connections, began),
        wire_counters(config.wire_counters) {}

  FlowSink& sink;
  SourceCounters& counters;
  LiveConnections live;
  Timeouts timeouts;
  /// Connections that began before this and are not remembered are not exported.
  TimePoint skip_started_before = TimePoint::min();
  EarlyDrops* early_drops = nullptr;  ///< of the kernel that sends the events, if it is this one
  bool wire_counters;  ///< of a patched kernel: count packets as they were on the wire

  /// Fills in what decode() leaves to later: times, counters, end reason.
  void complete(const Sighting& sighting, Flow& flow, const Instant& now);

  /// True: it began before skip_started_before, and what it counted since is not known.
  bool skip_existing(const Sighting& sighting, const Flow& decoded);

  /// A report was withheld because the connection cannot be remembered.
  void count_no_room();

 private:
  log::RateLimit no_room_log_;
};

}  // namespace ctflow
