// SPDX-License-Identifier: GPL-2.0-or-later
// Datagrams of events -> flows with times and end reason, live or replayed.
#pragma once

#include "conntrack/event_listener.hpp"
#include "conntrack/reading.hpp"

namespace ctflow {

class EventReader : public EventConsumer {
 public:
  explicit EventReader(Reading& reading) : reading_(reading) {}

  void on_datagram(Bytes datagram, const Instant& time) override;
  void on_batch_end() override { reading_.sink.on_batch_end(); }

 private:
  void read_message(Bytes message, const Instant& time);
  void read_end(const Instant& time);
  void read_creation(const Instant& time);
  void read_report(const Instant& time);
  void count_malformed(Bytes message);

  Reading& reading_;
  Flow flow_;
  log::RateLimit malformed_log_;
};

}  // namespace ctflow
