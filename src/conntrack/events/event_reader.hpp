// SPDX-License-Identifier: GPL-2.0-or-later
// Datagrams of events -> flows with times and end reason, live or replayed.
#pragma once

#include "conntrack/assembly/flow_assembler.hpp"
#include "conntrack/events/event_listener.hpp"

namespace ctflow {

class EventReader : public EventConsumer {
 public:
  explicit EventReader(FlowAssembler& assembler) : assembler_(assembler) {}

  void on_datagram(Bytes datagram, const Instant& time) override;
  void on_batch_end() override;

  /// An entry of the kernel's dying list: the end of a connection whose event found no room, here
  /// or with another listener. What was read before is passed over.
  void on_undelivered_end(Bytes message, const Instant& time);

 private:
  void read_message(Bytes message, const Instant& time);
  void read_end(const Instant& time);
  void read_first_end(const ConnectionIdentity& identity, const Instant& time);
  void read_creation(const Instant& time);
  void read_report(const Instant& time);
  void count_malformed(Bytes message);

  FlowAssembler& assembler_;
  MonoTime batch_ = MonoTime::min();  ///< when the datagrams that are read now were received
  Flow flow_;
  log::RateLimit malformed_log_;
};

}  // namespace ctflow
