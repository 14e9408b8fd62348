// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/conntrack_source.hpp"

#include <utility>

#include "conntrack/reported/state_place.hpp"
#include "extras/capabilities_text.hpp"
#include "netlink/conntrack_settings.hpp"

namespace ctflow {
namespace {

/// An entry keeps the timeout that was in force at its last packet: how long ago a setting may have
/// been changed before it is seen is how long it is not known which one that was.
constexpr std::chrono::seconds kSettingsInterval{2};

}  // namespace

ConntrackSource::ConntrackSource(boost::asio::io_context& io, const SourceConfig& config,
                                 const NetworkNamespace& home)
    : io_(io),
      config_(config),
      home_(home),
      extras_(find_extras(config)),
      listener_(io, config),
      opened_(system_now()),
      timer_(io) {
  clock_steps_.observe();
}

void ConntrackSource::set_nat_events(bool on) {
  nat_events_ = on;
  listener_.listen_to_beginnings(on);
  if (assembler_) assembler_->nat_events = on;
}

void ConntrackSource::set_every_end(bool on) {
  every_end_ = on;
  if (assembler_) assembler_->every_end = on;
}

Capabilities ConntrackSource::capabilities() {
  const auto visit = home_.visit();
  return extras_->refresh();
}

void ConntrackSource::set_own_traffic(const std::vector<OwnConnection>& connections) {
  own_traffic_ = connections;
  if (assembler_) assembler_->set_own_traffic(own_traffic_);
}

void ConntrackSource::start(FlowSink& sink) {
  assembler_.emplace(sink, counters_, config_, opened_);
  assembler_->extras = extras_.get();
  assembler_->set_own_traffic(own_traffic_);
  assembler_->clock_steps = &clock_steps_;
  assembler_->watch_clock();
  observe_settings();
  assembler_->nat_events = nat_events_;
  assembler_->every_end = every_end_;
  assembler_->early_drops = &early_drops_;
  events_.emplace(*assembler_);
  dying_.emplace(io_, *assembler_, listener_, home_);
  scans_.emplace(io_, *assembler_, *dying_, *extras_, config_, home_);
  restore_state();
  if (config_.existing == ExistingConnections::kSkip) scans_->adopt_existing();
  listener_.events_lost = [this] { scans_->reconcile(); };
  listener_.start(*events_, counters_);
  scans_->start();
  dying_->start();
  watch_settings();
}

void ConntrackSource::restore_state() {
  const StatePlace place = find_state_place(config_);
  if (place.file.empty()) {
    if (place.obstacle.empty()) return;
    log::warn(
        "state_unavailable directory={} error={} impact=\"after a restart, what was reported of "
        "connections that outlive it is exported again\" fix=\"make the directory and let ctflowd "
        "write there, set source.state_file, or set it to off\"",
        log::quoted(place.directory), log::quoted(place.obstacle));
    return;
  }
  {
    const auto visit = home_.visit();
    state_.emplace(place.file, current_identity(config_.wire_counters));
  }
  if (!state_->claim()) {
    state_.reset();
    return;
  }
  const Instant now = system_now();
  std::size_t without_memory = 0;
  const auto restored = state_->load(
      [&](const ReportedConnection& entry) {
        without_memory += !assembler_->reported.restore(entry, now);
      },
      [&](std::uint64_t ended) { assembler_->ended.add(ended); });
  log::info("state_file file={}", log::quoted(place.file));
  if (restored) log::info("state_restored connections={}", *restored - without_memory);
  if (without_memory > 0) {
    log::warn(
        "state_incomplete connections={} impact=\"no memory: they are exported again, whole\"",
        without_memory);
  }
  scans_->keep_state(&*state_);
}

void ConntrackSource::observe_capabilities() {
  if (extras_->refresh() == logged_) return;
  logged_ = extras_->capabilities();
  log::info("kernel {}", capabilities_text(*logged_, config_));
}

void ConntrackSource::watch_settings() {
  timer_.after(kSettingsInterval, [this] {
    observe_settings();
    watch_settings();
  });
}

void ConntrackSource::observe_settings() {
  const auto visit = home_.visit();
  observe_capabilities();
  observe_timeouts();
}

void ConntrackSource::observe_timeouts() {
  assembler_->watch_clock();
  const Instant now = system_now();
  TimeoutHistory& history = assembler_->timeouts;
  const TimeoutsRead read = read_timeouts(history.current());
  const bool was_complete = std::exchange(timeouts_complete_, !read.failure);
  history.observe(read, now.wall);
  if (read.failure && was_complete) {
    log::warn(
        "timeouts_unreadable file={} error={} impact=\"the ends of flows are computed with {}\" "
        "fix=\"let ctflowd read {}: no ProcSubset=pid in its unit, /proc mounted in its root, "
        "enough descriptors (LimitNOFILE)\"",
        log::quoted(read.failure->file), log::quoted(read.failure->error.message()),
        history.knowledge() == TimeoutKnowledge::kKept
            ? "the timeouts that were read last"
            : "the kernel's default timeouts, and are wrong where others are set",
        kSettingsDirectory);
  } else if (!read.failure && !was_complete) {
    log::info("timeouts_readable");
  }
}

SourceStatus ConntrackSource::status() const {
  SourceStatus status;
  status.queue = listener_.status();
  status.reported.limit = config_.max_reported_connections;
  status.capabilities = extras_->capabilities();
  status.filter.events = listener_.filtered();
  status.filter.dumps = scans_ && scans_->filtered();
  status.filter.after_decoding = config_.filter != FilterConfig{};
  status.filter.own_traffic = config_.own_traffic == OwnTraffic::kExclude && !own_traffic_.empty();
  if (scans_) status.scans = scans_->status();
  if (assembler_) {
    status.reported.connections = assembler_->reported.size();
    status.reported.octets = assembler_->reported.memory();
    status.timeouts = assembler_->timeouts.knowledge();
  }
  return status;
}

void ConntrackSource::stop(bool report_existing) {
  timer_.cancel();
  if (scans_) {
    listener_.catch_up();  // a report that waits must not be older than what scans report
    dying_->stop();
    scans_->stop(report_existing);
  }
  const bool all_ends = !scans_ || dying_->read_ends(*events_);
  listener_.stop();
  if (!scans_) return;
  if (!all_ends && !dying_->read_rest(*events_)) {
    log::warn(
        "dying_list_incomplete impact=\"ends that the kernel could not deliver may be missing, and "
        "how many is not known\" fix=\"raise source.receive_buffer_limit, or find the program that "
        "asked for reliable delivery and is too slow\"");
  }
  scans_->save_state();
}

}  // namespace ctflow
