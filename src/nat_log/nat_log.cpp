// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/nat_log.hpp"

#include <array>
#include <utility>

#include "findings/database_failure.hpp"
#include "log/log.hpp"

namespace ctflow {
namespace {

using nat::HoleReason;
using nat::NatEvent;

constexpr std::chrono::milliseconds kTick{250};
constexpr std::chrono::milliseconds kLate{750};       // with the tick: Store::kUnderWay
constexpr std::chrono::milliseconds kPatience{1000};  // at the stop, for a slow disk

std::string name_in(const std::string& network_namespace) {
  return network_namespace.empty() ? "nat_log" : "nat_log@" + network_namespace;
}

NatLogConfig in_own_directory(NatLogConfig config) {
  if (!config.network_namespace.empty()) config.directory += "/" + config.network_namespace;
  return config;
}

/// What the ledger has of one beginning or end.
MessageContent one_event() {
  MessageContent content;
  content.flows = 1;
  content.data_records = 1;
  return content;
}

NatEvent event_of(const Flow& flow) {
  NatEvent event;
  if (flow.event == FlowEvent::kCreated) {
    event.began = nat::moment_of(flow.event_time);
    return event;
  }
  event.kind = NatEvent::Kind::kEnd;
  event.ended = nat::moment_of(happened_at(flow));
  event.knows_begin = flow.present.start;
  const bool reported_before = flow.earlier.start != TimePoint{};
  event.began = nat::moment_of(reported_before ? flow.earlier.start : flow.start);
  return event;
}

}  // namespace

NatLog::NatLog(const NatLogConfig& config, nat::ReadTable read_table,
               std::shared_ptr<const OutputContext> context, Clock clock,
               std::unique_ptr<nat::MapSource> maps, nat::Feed feed)
    : Output("nat_log", name_in(config.network_namespace), FlowKinds::nat_events()),
      config_(config),
      context_(std::move(context)),
      clock_(std::move(clock)),
      writer_(std::make_unique<nat::Store>(in_own_directory(config), std::move(read_table), clock_,
                                           std::move(maps), feed),
              config.queue, config.commit_interval) {}

void NatLog::offer(const Flow& flow, const Instant& now) {
  std::array<nat::Translation, 2> found;
  const std::size_t count = nat::translations_of(flow, found);
  ledger_.offer();
  if (has_hole_) add_hole();
  if (writer_.room() < count + 1) {  // the last place is for a hole
    const auto report = writer_.report();
    ledger_.lost(report.failing ? LossReason::kWriteError : LossReason::kSpoolFull, one_event());
    if (!has_hole_) {
      has_hole_ = true;
      hole_ = {};
      hole_.kind = NatEvent::Kind::kHole;
      hole_.began = nat::moment_of(now.wall);
      hole_.reason = HoleReason::kQueueFull;
      if (report.failing) hole_.reason = HoleReason::kDatabaseRefused;
      if (report.failure == FailureKind::kDiskFull) hole_.reason = HoleReason::kDiskFull;
      // At once, so that it is committed with what came before; how many are missing comes later.
      if (writer_.room() > 0) writer_.add(hole_);
    }
    ++hole_.missing;
    return;
  }
  NatEvent event = event_of(flow);
  for (std::size_t i = 0; i < count; ++i) {
    event.translation = found[i];
    event.completes = i + 1 == count;
    writer_.add(event);
  }
  ledger_.wait(one_event());
}

void NatLog::add_hole() {
  // Once half of the queue is free: not one hole for each event that finds a place.
  if (writer_.room() <= config_.queue / 2) return;
  writer_.add(hole_);
  has_hole_ = false;
}

void NatLog::tick() {
  const Instant now = clock_();
  if (now.steady < deadline_) return;
  const bool late = writer_.started() && now.steady - deadline_ > kLate;
  deadline_ = now.steady + kTick;
  if (!writer_.started()) {
    missed_ = context_->losses().missed_events;
    reconciled_ = context_->losses().reconciled;
    looked_ = looked_before_ = nat::moment_of(now.wall);
    writer_.start(looked_);
  }
  settle();
  report_failure(now);
  watch_feed(now, late);
  if (has_hole_) add_hole();
}

void NatLog::settle() {
  const std::uint64_t written = writer_.report().written;
  for (; settled_ < written; ++settled_) ledger_.sent_after_wait(one_event(), 0);
}

void NatLog::report_failure(const Instant& now) {
  const auto failure = writer_.take_failure();
  if (failure) {
    const bool other = last_failure_.kind != failure->kind;
    last_failure_ = {failure->kind, failure->why, now.steady};
    if (!std::exchange(failing_, true) || other) {
      log::error(
          "nat_log_not_written output={} error={} impact=\"beginnings and ends of translations "
          "wait in memory, and are lost when {} wait\" fix=\"{}\"",
          name(), log::quoted(failure->why), config_.queue,
          database_fix(failure->kind, DatabaseUse::kNatLog));
    }
  } else if (failing_ && !writer_.report().failing) {
    failing_ = false;
    log::info("nat_log_written_again output={}", name());
  }
}

void NatLog::begin_hole(HoleReason reason, nat::Moment began, const char* fix) {
  NatEvent hole;
  hole.kind = NatEvent::Kind::kHole;
  hole.began = began;
  hole.reason = reason;
  writer_.add(hole);
  log::warn(
      "nat_log_hole output={} reason={} impact=\"look-ups for this time cannot say that no host "
      "used an address\" fix=\"{}\"",
      name(), nat::name_of(reason), fix);
}

void NatLog::watch_feed(const Instant& now, bool late) {
  constexpr std::size_t kMost = 3;  // events of one look, and a place for the hole of a full queue
  const UpstreamLosses losses = context_->losses();
  const bool off = context_->events_off();
  late_ = late_ || late;
  const bool lost = losses.missed_events != missed_;
  const bool vanished = losses.reconciled != reconciled_;
  const bool switched = off != events_off_;
  // Until there is room, the next look sees the same again.
  if ((lost || late_ || vanished || switched) && writer_.room() <= kMost) return;
  // After a stall the last look may have been before the losses of that time were read.
  const nat::Moment before = std::exchange(looked_before_, looked_);
  looked_ = nat::moment_of(now.wall);
  missed_ = losses.missed_events;
  reconciled_ = losses.reconciled;
  events_off_ = off;
  late = std::exchange(late_, false);
  if (lost) {
    begin_hole(HoleReason::kEventsLost, before, "raise source.receive_buffer_limit");
  } else if (late) {
    begin_hole(HoleReason::kEventsLate, before,
               "more CPU time for ctflowd: what began while it did not run has a late begin");
  }
  NatEvent event;
  if (switched && off) {
    begin_hole(HoleReason::kEventsOff, before, "sysctl -w net.netfilter.nf_conntrack_events=1");
  } else if (switched) {
    event.kind = NatEvent::Kind::kEventsOn;
    writer_.add(event);
  }
  if (vanished) {
    event.kind = NatEvent::Kind::kVanished;
    writer_.add(event);
  }
}

void NatLog::stop() {
  // Without room the one that was handed over at once says as much, but for how many are missing.
  if (std::exchange(has_hole_, false) && writer_.room() > 0) writer_.add(hole_);
  writer_.stop(kPatience);
  settle();
  const ExportAmount left = ledger_.counters().waiting;  // a copy: the ledger changes it
  if (left.flows == 0) return;
  ledger_.lost_after_wait(LossReason::kStopped, left);
  report_failure(clock_());
  log::error(
      "nat_log_incomplete output={} lost={} impact=\"their rows are missing; the log has a hole "
      "from its last commit to the next start\" fix=\"{}\"",
      name(), left.flows,
      failing_ ? "what nat_log_not_written says, then start ctflowd again"
               : "a faster disk for nat_log.directory");
}

void NatLog::describe(OutputStatus& status, const Instant& /*now*/) const {
  const auto report = writer_.report();
  status.peer = in_own_directory(config_).directory;
  status.connected = !report.failing;
  status.counters = ledger_.counters();
  status.last_failure = last_failure_;
  NatLogStatus own{report.open, report.holes, std::nullopt};
  if (config_.log == NatLogRows::kExceptions) {
    own.maps = writer_.maps();
    own.maps->followed = report.followed_map;
  }
  status.details = std::move(own);
}

}  // namespace ctflow
