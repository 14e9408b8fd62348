// SPDX-License-Identifier: GPL-2.0-or-later
// Datagrams of events, or records of eBPF programs -> flows with times and end reason.
#pragma once

#include <vector>

#include "conntrack/assembly/flow_assembler.hpp"
#include "conntrack/events/event_listener.hpp"
#include "conntrack/flow/decode.hpp"
#include "extras/from_bpf/record_ring.hpp"

namespace ctflow {

class EventReader : public EventConsumer, public RecordConsumer {
 public:
  explicit EventReader(FlowAssembler& assembler) : assembler_(assembler) {}

  void on_datagram(Bytes datagram, const Instant& time) override;
  void expect(Bytes datagram) override;
  /// The same of a connection by another feed.
  void on_record(const ctflow_record& record, const Instant& time) override;
  void on_batch_end() override;

  /// From now on, while we stop, what conntrack had counted of connections that are reported is
  /// added there. `forced`: their reports are the last ones (flowEndReason 4).
  void keep_totals(std::vector<ConntrackTotals>& totals, bool forced) {
    totals_ = &totals;
    forced_ = forced;
  }

  /// An entry of the kernel's dying list: the end of a connection whose event found no room, here
  /// or with another listener. What was read before is passed over.
  void on_undelivered_end(Bytes message, const Instant& time);

 private:
  using Outcome = ReportedConnections::Outcome;

  void begin_datagram(const Instant& time);
  /// What was decoded into flow_. False: malformed.
  bool read(DecodeResult decoded, const Instant& time);
  /// … if that is not an end.
  bool read_other(DecodeResult decoded, const Instant& time);
  // In line, because each end of a connection takes this way.
  [[gnu::always_inline]] inline void read_message(Bytes message, const Instant& time);
  [[gnu::always_inline]] inline void read_end(const Instant& time);
  [[gnu::always_inline]] inline void read_first_end(const ConnectionIdentity& identity,
                                                    const Instant& time);
  /// An end of which nothing is left to report, or nothing is to be reported.
  void pass_over_end(Outcome outcome, bool skipped, const Instant& time);
  void read_creation(const Instant& time);
  /// By the end of its connection.
  void make_creation();
  void read_report(const Instant& time);
  void count_malformed(Bytes message);

  FlowAssembler& assembler_;
  MonoTime batch_ = MonoTime::min();  ///< when the datagrams that are read now were received
  std::vector<ConntrackTotals>* totals_ = nullptr;  ///< not null: we stop
  bool forced_ = false;
  Flow flow_;
  log::RateLimit malformed_log_;
};

}  // namespace ctflow
