// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's connection table as a source of flows.
#pragma once

#include <memory>
#include <optional>

#include "conntrack/events/event_listener.hpp"
#include "conntrack/events/event_reader.hpp"
#include "conntrack/events/record_feed.hpp"
#include "conntrack/table/dying_list.hpp"
#include "conntrack/table/record_ends.hpp"
#include "conntrack/table/table_scans.hpp"
#include "ctflow/flow_source.hpp"
#include "event_loop/timer.hpp"
#include "extras/choose_origin.hpp"
#include "extras/find_extras.hpp"
#include "extras/from_bpf/record_ring.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

/// Events come from one of two feeds: netlink, or records of the eBPF programs, where these
/// measure. What follows the decoding of either is the same.
class ConntrackSource : public FlowSource {
 public:
  /// Chooses who measures and opens the feed: events are queued from here on. Throws
  /// std::system_error. To be made during a visit to `home`, the namespace whose table it is.
  /// `ring`: of eBPF programs, in the same event loop. Null: there is none.
  ConntrackSource(boost::asio::io_context& io, const SourceConfig& config,
                  const NetworkNamespace& home, std::shared_ptr<RecordRing> ring = nullptr);

  void set_nat_events(bool on) override;
  void set_every_end(bool on) override;
  [[nodiscard]] Capabilities capabilities() override;
  void set_own_traffic(const std::vector<OwnConnection>& connections) override;
  void start(FlowSink& sink) override;
  void catch_up() override;
  void stop() override { stop(config_.report_at_stop); }
  void close() override { stop(true); }
  [[nodiscard]] const SourceCounters& counters() const override { return counters_; }
  [[nodiscard]] SourceStatus status() const override;

 private:
  /// Puts the best origin into use. Called during a visit.
  void choose();
  std::string use_records();
  void open_feed();
  void start_feed();
  void stop(bool report_existing);
  void stop_events(bool report_existing);
  void stop_records(bool report_existing);
  void save_state(const std::vector<ConntrackTotals>& totals);
  /// Reads timeouts and capabilities again from time to time: an administrator may change them.
  void watch_settings();
  void observe_settings();
  /// Called during a visit.
  void observe_timeouts();
  /// Logs what is measured, at the start and when it changes. Called during a visit.
  void observe_capabilities();
  void observe_obstacle();
  /// Logs when the kernel stops sending events and when it sends them again. Called during a visit.
  void observe_events();
  void restore_state();

  boost::asio::io_context& io_;
  SourceConfig config_;
  NetworkNamespace home_;
  std::shared_ptr<RecordRing> ring_;
  bool nat_events_ = false;
  TimePoint beginnings_since_ = TimePoint::max();  ///< we listen to them
  bool every_end_ = false;
  bool timeouts_complete_ = true;  ///< at the last look, or there was none
  /// Since when nf_conntrack_events is 0, and the last look at it.
  std::optional<MonoTime> silent_since_;
  std::optional<MonoTime> events_seen_;
  std::unique_ptr<ExtrasSource> extras_;
  std::optional<Capabilities> logged_;
  std::vector<OwnConnection> own_traffic_;
  OriginChoice choice_;
  bool obstacle_may_go_ = false;           ///< what prevents records may go while we run
  std::optional<EventListener> listener_;  ///< one of these two
  std::optional<RecordFeed> records_;
  Instant opened_{};
  Timer timer_;
  SourceCounters counters_;
  EarlyDrops early_drops_;
  ClockSteps clock_steps_;
  std::optional<StateFile> state_;
  std::optional<FlowAssembler> assembler_;
  std::optional<EventReader> events_;
  std::optional<DyingList> dying_;         ///< with listener_
  std::optional<RecordEnds> record_ends_;  ///< with records_
  std::optional<TableScans> scans_;
};

}  // namespace ctflow
