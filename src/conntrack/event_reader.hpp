// SPDX-License-Identifier: GPL-2.0-or-later
// Datagrams of events -> flows with times and end reason, live or replayed.
#pragma once

#include "conntrack/event_listener.hpp"
#include "conntrack/live_connections.hpp"
#include "conntrack/timeouts.hpp"
#include "ctflow/flow_source.hpp"

namespace ctflow {

/// How a reader takes what a patched kernel adds.
struct ReaderOptions {
  bool wire_counters = true;               ///< count packets as they were on the wire
  std::size_t live_connections = 1 << 20;  ///< connections whose reports are remembered
};

class EventReader : public EventConsumer {
 public:
  EventReader(FlowSink& sink, SourceCounters& counters, const Timeouts& timeouts,
              const ReaderOptions& options = {})
      : sink_(sink),
        counters_(counters),
        timeouts_(timeouts),
        wire_counters_(options.wire_counters),
        live_(options.live_connections) {}

  void on_datagram(Bytes datagram, TimePoint time) override;
  void on_batch_end() override { sink_.on_batch_end(); }

  void set_timeouts(const Timeouts& timeouts) { timeouts_ = timeouts; }

 private:
  void read_message(Bytes message, TimePoint time);
  /// Times, counters, reason: what decode() leaves to later.
  void complete(TimePoint time);
  /// Hands on what is new of an ended or a reported connection.
  void hand_on(LiveConnections::Outcome outcome, std::uint64_t& nothing_new);
  void count_malformed(Bytes message);

  FlowSink& sink_;
  SourceCounters& counters_;
  Timeouts timeouts_;
  bool wire_counters_;
  LiveConnections live_;
  Flow flow_;
  log::RateLimit malformed_log_;
};

}  // namespace ctflow
