// SPDX-License-Identifier: GPL-2.0-or-later
// What the reader of events and the reader of the table share.
#pragma once

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "conntrack/assembly/clock_steps.hpp"
#include "conntrack/assembly/early_drops.hpp"
#include "conntrack/assembly/silence.hpp"
#include "conntrack/flow/connection_filter.hpp"
#include "conntrack/flow/end_of_flow.hpp"
#include "conntrack/flow/timeout_history.hpp"
#include "conntrack/flow/written.hpp"
#include "conntrack/reported/ended_connections.hpp"
#include "conntrack/reported/reported_connections.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/extras_source.hpp"
#include "ctflow/flow_source.hpp"
#include "ctflow/source_status.hpp"
#include "log/log.hpp"

namespace ctflow {

struct FlowAssembler {
  FlowAssembler(FlowSink& to, SourceCounters& ledger, const SourceConfig& config,
                const Instant& began)
      : sink(to),
        counters(ledger),
        reported(config.max_reported_connections, began.steady),
        opened(began.wall),
        keeps_ends_(config.delivery == Delivery::kReliable),
        filter_(config) {}

  FlowSink& sink;
  SourceCounters& counters;
  ReportedConnections reported;
  EndedConnections ended;
  BegunConnections begun;  ///< only while `nat_events`
  /// The kernel has, or had a moment ago, ends that it will send again.
  bool repeats_expected = false;
  TimeoutHistory timeouts;
  TimePoint opened;  ///< when we began to listen, by the clock as it is now
  Silence silence;
  /// Connections that began before we listened are exported only if they are remembered.
  bool skips_existing = false;
  ClockSteps* clock_steps = nullptr;  ///< of the clock that the kernel stamps by
  EarlyDrops* early_drops = nullptr;  ///< of the kernel that sends the events, if it is this one
  ExtrasSource* extras = nullptr;     ///< of the namespace whose connections they are
  /// Not all that is read has CTA_ID: connections are told apart by tuple, zone and start, and
  /// Flow::id is a hash of these.
  bool derives_ids = false;
  /// Hand on that connections began, and ended with nothing left to export.
  bool nat_events = false;
  TimePoint beginnings_since = TimePoint::max();  ///< we listen to them, as `opened`
  /// Hand on that connections ended with nothing left to export.
  bool every_end = false;
  CounterResetters resetters;  ///< as of the last fall

  /// Adds the extras, derives which connection a decoded flow is of, then puts its times in terms
  /// of today's clock.
  ConnectionIdentity identify(Flow& flow, const Instant& now) const {
    if (extras != nullptr) extras->add(flow);
    if (derives_ids) flow.id = 0;
    const ConnectionIdentity identity(flow);
    if (derives_ids) derive_id(flow);
    if (clock_steps != nullptr) correct_stamps(flow, now);
    return identity;
  }

  /// Flow::id of a connection that has just begun.
  void derive_id(Flow& flow) const;

  /// Fills in what decode() leaves to later: times, counters, end reason.
  void complete(const ConnectionIdentity& identity, Flow& flow, const Written& written) {
    if (!complete_usual(identity, flow, written.latest)) {
      complete_by_evidence(identity, flow, written);
    }
  }
  [[gnu::always_inline]] void complete(const ConnectionIdentity& identity, Flow& flow,
                                       const Instant& now) {
    if (!complete_usual(identity, flow, now)) {
      complete_by_evidence(identity, flow, Written{now, now});
    }
  }

  /// Looks whether the wall clock was set. To be called before anything read just now is completed.
  void watch_clock() {
    if (clock_steps != nullptr) follow_clock();
  }

  /// By how much the wall clock was set until the last look.
  [[nodiscard]] std::chrono::nanoseconds clock_set_by() const {
    return clock_steps != nullptr ? clock_steps->total() : std::chrono::nanoseconds(0);
  }

  [[nodiscard]] bool began_before_us(const Flow& flow) const {
    return flow.present.start && flow.start < opened;
  }

  /// True: it began before us, and what it counted since is not known.
  bool skip_existing(const ConnectionIdentity& identity, const Flow& flow) {
    return skips_existing && began_before_us(flow) && !reported.contains(identity);
  }

  /// It ended. False: its beginning was not handed on, if that is asked for.
  bool forget_beginning(const Flow& flow) {
    return nat_events && begun.remove(unstamped_key(flow, derives_ids ? 0 : flow.id));
  }

  /// Of one that was not handed on: the kernel had no room for it, and did not send it again.
  [[nodiscard]] bool missed_beginning(const Flow& flow) const {
    return counters.retried > 0 && nat_events && flow.present.start &&
           flow.start >= beginnings_since && !begun.forgot();
  }

  /// True, and counted: this end was read before. `begun_since`: its beginning was handed on.
  bool repeats_end(const ConnectionIdentity& identity, bool begun_since) {
    if (ended.add(identity.end_key)) return false;
    // A successor, not the same again.
    if (!identity.stamped && (!repeats_expected || begun_since)) return false;
    log_repeats();
    return true;
  }

  /// True, and counted: this beginning was read before.
  bool repeats_beginning(const Flow& flow);

  /// A connection ended of which no packet was ever counted.
  void count_empty(const Instant& now);

  /// Looks whether counters of the kernel fell since the last call.
  void watch_counters(const Instant& now);

  /// True, and counted: this connection is not exported by the configuration.
  bool filter(const Flow& flow) const {
    const bool left_out = !filter_.passes(flow);
    counters.filtered += left_out;
    return left_out;
  }

  /// Connections over which flow records are sent, to be filtered.
  void set_own_traffic(std::vector<OwnConnection> connections) {
    filter_.set_own_traffic(std::move(connections));
  }

  /// What this connection counted is not exported.
  void count_ignored(const Flow& flow) const {
    counters.ignored_packets += flow.original_counters.packets + flow.reply_counters.packets;
    counters.ignored_octets += flow.original_counters.octets + flow.reply_counters.octets;
  }

  /// A report was withheld because the connection cannot be remembered.
  void count_no_room();

 private:
  void follow_clock();
  void correct_stamps(Flow& flow, const Instant& now) const;
  /// True: the usual end, of a connection that no scan saw. Else its times are still to be found.
  [[gnu::always_inline]] bool complete_usual(const ConnectionIdentity& identity, Flow& flow,
                                             const Instant& now) {
    flow.event_time = now.wall;
    flow.end_reason = end_reason(flow);
    if (early_drops != nullptr && may_be_dropped_early(flow) && early_drops->claim(now.steady)) {
      flow.end_reason = EndReason::kLackOfResources;
    }
    return !flow.extras.present && !reported.contains(identity) &&
           correct_usual_times(flow, timeouts, counters);
  }
  /// `identity` is copied here, so that for the usual end it need not be in memory.
  void complete_by_evidence(ConnectionIdentity identity, Flow& flow, const Written& written);
  void log_repeats();
  void find_resetters(const Instant& now);

  bool keeps_ends_;                ///< the kernel does, until there is room for them
  std::uint64_t losses_seen_ = 0;  ///< at the last beginning
  ConnectionFilter filter_;

  log::RateLimit no_room_log_;
  log::RateLimit repeats_log_;
  log::RateLimit fell_log_{std::chrono::minutes(10)};
  std::optional<MonoTime> last_fall_;
  std::optional<MonoTime> resetters_found_;
};

}  // namespace ctflow
