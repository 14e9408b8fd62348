// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/record_ring.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "process/beside.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::nanoseconds kSoonestSweep = std::chrono::seconds(1);
constexpr std::chrono::nanoseconds kLatestSweep = std::chrono::seconds(10);
constexpr std::chrono::milliseconds kFirstLookAtSweep{1};
constexpr std::chrono::milliseconds kLookAtSweep{20};

ctflow_loss loss_of(std::uint8_t event) {
  if (event == CTFLOW_CREATED) return CTFLOW_LOST_CREATED;
  return event == CTFLOW_REPORTED ? CTFLOW_LOST_REPORTED : CTFLOW_LOST_ENDED;
}

}  // namespace

MeasuringSizes sizes_for(std::size_t receive_buffer) {
  constexpr std::size_t kEventsToRecords = 4;  // 1.2 kB and 352 octets, in steps of two
  return {.ring_octets =
              static_cast<std::uint32_t>(std::bit_ceil(receive_buffer / kEventsToRecords))};
}

RecordRing::RecordRing(boost::asio::io_context& io, std::unique_ptr<MeasuringPrograms> programs,
                       std::chrono::milliseconds batch_delay, Clock clock)
    : programs_(std::move(programs)),
      io_(io),
      batch_delay_(batch_delay),
      clock_(std::move(clock)),
      take_([this](const ctflow_record& record) { take(record); }),
      timer_(io),
      sweep_timer_(io) {}

std::string RecordRing::load() {
  if (!programs_) return "this build has no eBPF programs (CTFLOWD_BPF=OFF)";
  if (readable_) return "";
  std::string obstacle = programs_->load();
  if (!obstacle.empty()) return obstacle;
  readable_.emplace(io_, programs_->descriptor());
  wait();
  return "";
}

RecordRing::Watching RecordRing::watch(std::uint64_t netns, const Watch& what) {
  if (std::string obstacle = load(); !obstacle.empty()) return {0, std::move(obstacle)};
  const int id = ++last_id_;
  count_missed_runs();
  // First, so that what comes at once is for one that is known.
  watched_.push_back({.id = id, .netns = netns, .watch = what});
  std::string obstacle = programs_->watch(netns, *wanted(netns));
  if (!obstacle.empty()) watched_.pop_back();
  schedule_sweep();
  return {id, std::move(obstacle)};
}

std::string RecordRing::change(int id, const Watch& what) {
  Watched* const one = find(id);
  if (one == nullptr || one->watch == what) return "";
  const Watch before = std::exchange(one->watch, what);
  std::string obstacle = programs_->watch(one->netns, *wanted(one->netns));
  if (!obstacle.empty()) one->watch = before;
  return obstacle;
}

RecordRing::Watched* RecordRing::find(int id) {
  const auto found = std::find_if(watched_.begin(), watched_.end(),
                                  [&](const Watched& one) { return one.id == id; });
  return found == watched_.end() ? nullptr : &*found;
}

std::optional<Watch> RecordRing::wanted(std::uint64_t netns) const {
  std::optional<Watch> all;
  for (const Watched& one : watched_) {
    if (one.netns != netns) continue;
    if (!all) all = Watch{};
    const auto interval = one.watch.interval;
    if (interval.count() > 0 && (all->interval.count() == 0 || interval < all->interval)) {
      all->interval = interval;
    }
    all->created = all->created || one.watch.created;
  }
  return all;
}

void RecordRing::start(int id, RecordConsumer& consumer) {
  Watched* const one = find(id);
  if (one == nullptr) return;
  one->consumer = &consumer;
  const std::vector<ctflow_record> early = std::exchange(one->early, {});
  const Instant now = clock_();
  for (const ctflow_record& record : early) consumer.on_record(record, now);
  consumer.on_batch_end();
}

void RecordRing::unwatch(int id) {
  const Watched* const one = find(id);
  if (one == nullptr) return;
  const std::uint64_t netns = one->netns;
  const auto users = std::count_if(watched_.begin(), watched_.end(),
                                   [&](const Watched& other) { return other.netns == netns; });
  if (users == 1) programs_->unwatch(netns);
  count_missed_runs();
  catch_up();
  watched_.erase(watched_.begin() + (find(id) - watched_.data()));
  if (const auto rest = wanted(netns)) programs_->watch(netns, *rest);
  schedule_sweep();
}

void RecordRing::wait() {
  readable_->wait([this] {
    if (batch_delay_.count() == 0) {
      drain();
    } else {
      timer_.after(batch_delay_, [this] { drain(); });
    }
  });
}

void RecordRing::drain() {
  for (int i = 0; i < kBatchesPerTurn; ++i) {
    if (!read_batch()) {
      end_batch();
      wait();
      return;
    }
  }
  end_batch();
  timer_.soon([this] { drain(); });  // more is waiting: behind whatever else is ready
}

bool RecordRing::catch_up() {
  if (!readable_) return true;
  bool more = true;
  for (int i = 0; more && i < kBatchesPerTurn * kTurnsToCatchUp; ++i) more = read_batch();
  end_batch();
  return !more;
}

bool RecordRing::read_batch() {
  time_ = clock_();
  return programs_->consume(take_, kBatch) >= kBatch;
}

void RecordRing::take(const ctflow_record& record) {
  for (Watched& one : watched_) {
    if (one.netns == record.netns) hand_on(one, record);
  }
}

void RecordRing::hand_on(Watched& to, const ctflow_record& record) {
  if (to.consumer != nullptr) {
    to.consumer->on_record(record, time_);
  } else if (to.early.size() < kEarly) {
    to.early.push_back(record);
  } else {
    ++to.not_kept[loss_of(record.event)];
  }
}

void RecordRing::end_batch() {
  for (const Watched& one : watched_) {
    if (one.consumer != nullptr) one.consumer->on_batch_end();
  }
}

bool RecordRing::report_all(int id) {
  const Watched* const one = find(id);
  if (one == nullptr) return true;
  const std::uint64_t netns = one->netns;
  catch_up();
  const auto before =
      static_cast<std::uint64_t>(clock_().steady.time_since_epoch() / std::chrono::nanoseconds(1));
  constexpr int kTries = 2000;  // each has half of the ring
  for (int i = 0; i < kTries; ++i) {
    const bool all = programs_->report_all(netns, before);
    const bool read = catch_up();
    if (all && read) return true;
  }
  return false;
}

RecordLosses RecordRing::losses(int id) const {
  const auto one = std::find_if(watched_.begin(), watched_.end(),
                                [&](const Watched& watched) { return watched.id == id; });
  if (one == watched_.end()) return {};
  RecordLosses losses = programs_->losses(one->netns);
  for (std::size_t i = 0; i < losses.size(); ++i) losses[i] += one->not_kept[i];
  return losses;
}

std::uint64_t RecordRing::unmeasured_packets(int id) const {
  const auto one = std::find_if(watched_.begin(), watched_.end(),
                                [&](const Watched& watched) { return watched.id == id; });
  return one == watched_.end() ? 0 : one->unmeasured_packets;
}

void RecordRing::schedule_sweep() {
  if (watched_.empty()) {
    sweep_timer_.cancel();
    return;
  }
  // Without an interval, too: a flowtable's module may come, and the clock of the programs drifts.
  std::chrono::nanoseconds shortest = std::chrono::nanoseconds::max();
  for (const Watched& one : watched_) {
    if (one.watch.interval.count() > 0) shortest = std::min(shortest, one.watch.interval);
  }
  constexpr int kSweepsPerInterval = 8;
  sweep_timer_.after(std::clamp(shortest / kSweepsPerInterval, kSoonestSweep, kLatestSweep),
                     [this] { sweep(); });
}

void RecordRing::sweep() {
  const MissedRuns before = missed_;
  count_missed_runs();
  if (missed_ != before) end_batch();
  if (!sweeping_.valid()) sweeping_ = programs_->sweep();
  next_look_ = kFirstLookAtSweep;
  look_at_sweep();
}

void RecordRing::look_at_sweep() {
  if (still_runs(sweeping_)) {
    sweep_timer_.after(next_look_, [this] { look_at_sweep(); });
    next_look_ = std::min(2 * next_look_, kLookAtSweep);
  } else if (sweeping_.get()) {
    schedule_sweep();
  } else {
    sweep_timer_.after(batch_delay_ + std::chrono::milliseconds(1), [this] { sweep(); });
  }
}

void RecordRing::count_missed_runs() {
  const MissedRuns before = missed_;
  const MissedRuns now = programs_->missed_runs();
  missed_ = {std::max(before.packets, now.packets), std::max(before.ends, now.ends),
             std::max(before.beginnings, now.beginnings)};
  for (Watched& one : watched_) {
    one.unmeasured_packets += missed_.packets - before.packets;
    one.not_kept[CTFLOW_LOST_ENDED] += missed_.ends - before.ends;
    if (one.watch.created) {
      one.not_kept[CTFLOW_LOST_CREATED] += missed_.beginnings - before.beginnings;
    }
  }
  if (missed_.packets != before.packets && missed_log_.allow()) {
    log::warn(
        "packets_not_measured packets={} suppressed={} impact=\"the kernel skipped the measuring "
        "program for packets that interrupted it: the counters of the wire of their connections "
        "are too low\" fix=\"source.wire_counters: false or source.measure: off, if it goes on\"",
        missed_.packets, missed_log_.suppressed());
  }
}

}  // namespace ctflow
