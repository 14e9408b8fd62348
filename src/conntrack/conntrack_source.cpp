// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/conntrack_source.hpp"

#include <chrono>
#include <utility>
#include <vector>

#include "conntrack/reported/state_place.hpp"
#include "event_loop/rounds.hpp"
#include "extras/capabilities_text.hpp"
#include "extras/from_bpf/from_records.hpp"
#include "extras/from_bpf/records_obstacle.hpp"
#include "netlink/conntrack_settings.hpp"
#include "process/give_back_memory.hpp"

namespace ctflow {
namespace {

/// An entry keeps the timeout that was in force at its last packet: how long ago a setting may have
/// been changed before it is seen is how long it is not known which one that was.
constexpr std::chrono::seconds kSettingsInterval{2};

}  // namespace

ConntrackSource::ConntrackSource(boost::asio::io_context& io, const SourceConfig& config,
                                 const NetworkNamespace& home, std::shared_ptr<RecordRing> ring)
    : io_(io), config_(config), home_(home), ring_(std::move(ring)), timer_(io) {
  choose();
  open_feed();
  opened_ = system_now();
  clock_steps_.observe();
}

void ConntrackSource::choose() {
  Origins origins;
  origins.patch = [this]() -> std::string {
    extras_ = patch_extras(config_);
    if (extras_->capabilities().possible()) return "";
    return "this kernel is without the series of kernel-patches/";
  };
  origins.fentry = [this] { return use_records(); };
  origins.netfilter = [this] {
    std::string obstacle;
    if (auto found = netfilter_extras(config_, obstacle)) extras_ = std::move(found);
    return obstacle;
  };
  choice_ = choose_origin(config_.measure, origins);
  give_back_memory();  // libbpf reads all types of the kernel
  log_obstacle(config_.measure, choice_);
  if (config_.measure == Measure::kOff) extras_ = no_extras();
  if (!extras_) extras_ = patch_extras(config_);
}

std::string ConntrackSource::use_records() {
  if (ring_ == nullptr) return "this command measures nothing itself";
  load_conntrack();
  if (std::string obstacle = records_obstacle(config_); !obstacle.empty()) {
    obstacle_may_go_ = config_.delivery != Delivery::kReliable;
    return obstacle;
  }
  const NamespaceAt here = look_up_namespace("/proc/thread-self/ns/net");
  if (!here.identity) return here.why;
  const RecordRing::Watching watching =
      ring_->watch(here.identity->inode, RecordFeed::watch_of(config_, false));
  if (!watching.obstacle.empty()) return watching.obstacle;
  records_.emplace(*ring_, watching.id, config_);
  extras_ = std::make_unique<FromRecords>(config_, [this] { return ring_->sees_flowtables(); });
  return "";
}

void ConntrackSource::open_feed() {
  if (!records_) listener_.emplace(io_, config_);
}

void ConntrackSource::set_nat_events(bool on) {
  if (listener_) listener_->listen_to_beginnings(on);
  if (records_) records_->listen_to_beginnings(on);
  const bool anew = on && !nat_events_;
  nat_events_ = on;
  if (anew) beginnings_since_ = system_now().wall;
  if (!assembler_) return;
  assembler_->nat_events = on;
  if (anew) assembler_->beginnings_since = beginnings_since_;
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
  assembler_->beginnings_since = beginnings_since_;
  assembler_->every_end = every_end_;
  assembler_->early_drops = &early_drops_;
  events_.emplace(*assembler_);
  assembler_->derives_ids = records_.has_value();
  if (records_) {
    record_ends_.emplace(io_, *assembler_, *records_);
    scans_.emplace(io_, *assembler_, *record_ends_, *extras_, config_, home_);
  } else {
    dying_.emplace(io_, *assembler_, *listener_, home_);
    scans_.emplace(io_, *assembler_, *dying_, *extras_, config_, home_);
  }
  restore_state();
  if (config_.existing == ExistingConnections::kSkip) scans_->adopt_existing();
  start_feed();
  scans_->start();
  watch_settings();
}

void ConntrackSource::start_feed() {
  const auto reconcile = [this] { scans_->reconcile(); };
  if (records_) {
    records_->events_lost = reconcile;
    records_->start(*events_, counters_);
    record_ends_->start();
  } else {
    listener_->events_lost = reconcile;
    listener_->start(*events_, counters_);
    dying_->start();
  }
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
        "state_incomplete connections={} impact=\"no memory: they are exported again, whole\" "
        "fix=\"more memory, or a smaller source.live_connections\"",
        without_memory);
  }
  scans_->keep_state(&*state_);
}

void ConntrackSource::observe_capabilities() {
  const Capabilities& now = extras_->refresh();
  if (!records_) counters_.unmeasured = extras_->unmeasured();
  if (now == logged_) return;
  logged_ = now;
  log::info("kernel {}", capabilities_text(*logged_, config_));
}

void ConntrackSource::watch_settings() {
  timer_.at(next_round(kSettingsInterval), [this] {
    observe_settings();
    watch_settings();
  });
}

/// The feed is chosen at the start: what was missing then and is there now is logged once.
void ConntrackSource::observe_obstacle() {
  if (!obstacle_may_go_ || records_ || !records_obstacle(config_).empty()) return;
  obstacle_may_go_ = false;
  log::warn(
      "measuring_possible origin=fentry obstacle={} impact=\"what prevented it at the start is "
      "gone, but origin={} stays in use until ctflowd is started again\" fix=\"systemctl restart "
      "ctflowd\"",
      log::quoted(choice_.obstacle), name_of(choice_.origin));
}

void ConntrackSource::observe_settings() {
  const auto visit = home_.visit();
  observe_capabilities();
  observe_obstacle();
  observe_events();
  observe_timeouts();
  early_drops_.forget_old(std::chrono::steady_clock::now());
}

void ConntrackSource::observe_events() {
  if (records_) return;  // which come whatever the events do
  const auto mode = conntrack_setting(kSettingsDirectory, "nf_conntrack_events");
  if (!mode) return;
  const MonoTime now = std::chrono::steady_clock::now();
  const bool first = !events_seen_;  // what is missing then is logged with all that is
  const MonoTime before = std::exchange(events_seen_, now).value_or(now);
  if (*mode == 0 && !silent_since_) {
    silent_since_ = before;
    assembler_->silence.begin(first ? TimePoint::min() : system_now().wall - (now - before));
    if (first) return;
    log::warn(
        "events_stopped impact=\"nf_conntrack_events was set to 0: connections that begin now end "
        "without an event, and what they count after their previous report is lost, uncounted\" "
        "fix=\"sysctl -w net.netfilter.nf_conntrack_events=1\"");
  } else if (*mode != 0 && silent_since_) {
    log::warn(
        "events_resumed silent_seconds={} impact=\"what began in this time ends without an event, "
        "now, too: it is not exported, or lacks what came after its previous report; how many "
        "connections that are is unknown\" "
        "fix=\"look for what sets net.netfilter.nf_conntrack_events\"",
        std::chrono::ceil<std::chrono::seconds>(now - *silent_since_).count());
    silent_since_.reset();
    assembler_->silence.end(system_now().wall);
  }
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
  if (listener_) status.queue = listener_->status();
  if (records_) status.queue.batches = records_->batches();
  status.obstacle = choice_.obstacle;
  status.reported.limit = config_.max_reported_connections;
  status.capabilities = extras_->capabilities();
  status.filter.events = listener_ && listener_->filtered();
  status.filter.after_decoding = config_.filter != FilterConfig{};
  status.filter.own_traffic = config_.own_traffic == OwnTraffic::kExclude && !own_traffic_.empty();
  if (scans_) status.scans = scans_->status();
  if (assembler_) {
    status.reported.connections = assembler_->reported.size();
    status.reported.octets = assembler_->reported.memory();
    status.timeouts = assembler_->timeouts.knowledge();
    status.resetters = assembler_->resetters;
  }
  return status;
}

void ConntrackSource::stop(bool report_existing) {
  timer_.cancel();
  if (!records_) counters_.unmeasured = extras_->unmeasured();
  if (records_) {
    stop_records(report_existing);
  } else {
    stop_events(report_existing);
  }
}

void ConntrackSource::catch_up() {
  if (listener_) listener_->catch_up();
  if (records_) records_->catch_up();
}

void ConntrackSource::stop_records(bool report_existing) {
  if (!scans_) {
    records_->stop();
    return;
  }
  record_ends_->stop();
  records_->catch_up();
  // What the programs counted ends with them: the next ctflowd goes on by conntrack's counters.
  std::vector<ConntrackTotals> totals;
  if (report_existing || state_) {
    events_->keep_totals(totals, report_existing);
    if (!records_->report_all()) {
      log::warn(
          "existing_unreported impact=\"what some existing connections counted since their "
          "previous report is exported by the next ctflowd, if at all\" fix=\"give ctflowd more "
          "CPU time\"");
    }
  }
  scans_->stop(report_existing, totals);
  records_->stop();
  save_state(totals);
}

void ConntrackSource::save_state(const std::vector<ConntrackTotals>& totals) {
  for (const ConntrackTotals& one : totals) assembler_->reported.count_by_conntrack(one);
  scans_->save_state();
}

void ConntrackSource::stop_events(bool report_existing) {
  std::vector<ConntrackTotals> totals;
  if (scans_) {
    listener_->catch_up();  // a report that waits must not be older than what scans report
    dying_->stop();
    scans_->stop(report_existing, totals);
  }
  const bool all_ends = !scans_ || dying_->read_ends(*events_);
  listener_->stop();
  if (!scans_) return;
  if (!all_ends && !dying_->read_rest(*events_)) {
    log::warn(
        "dying_list_incomplete impact=\"ends that the kernel could not deliver may be missing, and "
        "how many is not known\" fix=\"raise source.receive_buffer_limit, or find the program that "
        "asked for reliable delivery and is too slow\"");
  }
  save_state(totals);
}

}  // namespace ctflow
