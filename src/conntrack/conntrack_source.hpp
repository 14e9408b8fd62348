// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's connection table as a source of flows.
#pragma once

#include <optional>

#include "conntrack/events/event_listener.hpp"
#include "conntrack/events/event_reader.hpp"
#include "conntrack/table/table_scans.hpp"
#include "ctflow/flow_source.hpp"
#include "event_loop/timer.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

class ConntrackSource : public FlowSource {
 public:
  /// Opens the netlink socket: events are queued from here on. Throws std::system_error. To be
  /// made during a visit to `home`, the namespace whose table it is.
  ConntrackSource(boost::asio::io_context& io, const SourceConfig& config,
                  const NetworkNamespace& home);

  void set_nat_events(bool on) override;
  void start(FlowSink& sink) override;
  void stop() override { stop(config_.report_at_stop); }
  void close() override { stop(true); }
  [[nodiscard]] const SourceCounters& counters() const override { return counters_; }
  [[nodiscard]] SourceStatus status() const override;

 private:
  void stop(bool report_living);
  /// Reads the timeouts again from time to time: an administrator may change them.
  void watch_timeouts();
  void observe_timeouts();
  void log_kernel() const;
  void restore_state();

  boost::asio::io_context& io_;
  SourceConfig config_;
  NetworkNamespace home_;
  bool sessions_ = false;
  bool timeouts_complete_ = true;  ///< all could be read, or nobody has looked yet
  EventListener listener_;
  Instant opened_;
  Timer timer_;
  SourceCounters counters_;
  EarlyDrops early_drops_;
  ClockSteps clock_steps_;
  std::optional<StateFile> state_;
  std::optional<FlowAssembler> assembler_;
  std::optional<EventReader> events_;
  std::optional<DyingList> dying_;
  std::optional<TableScans> scans_;
};

}  // namespace ctflow
