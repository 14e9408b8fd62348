// SPDX-License-Identifier: GPL-2.0-or-later
// Datagrams of events -> flows with times and end reason, live or replayed.
#pragma once

#include "conntrack/event_listener.hpp"
#include "conntrack/timeouts.hpp"
#include "ctflow/flow_source.hpp"

namespace ctflow {

class EventReader : public EventConsumer {
 public:
  EventReader(FlowSink& sink, SourceCounters& counters, const Timeouts& timeouts)
      : sink_(sink), counters_(counters), timeouts_(timeouts) {}

  void on_datagram(Bytes datagram, TimePoint time) override;
  void on_batch_end() override { sink_.on_batch_end(); }

  void set_timeouts(const Timeouts& timeouts) { timeouts_ = timeouts; }

 private:
  void read_message(Bytes message, TimePoint time);
  void count_malformed(Bytes message);

  FlowSink& sink_;
  SourceCounters& counters_;
  Timeouts timeouts_;
  Flow flow_;
  log::RateLimit malformed_log_;
};

}  // namespace ctflow
