// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/table_scans.hpp"

#include <algorithm>
#include <utility>

#include "ctflow/clock.hpp"
#include "netlink/conntrack_settings.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::milliseconds kSweepPause{10};
constexpr std::size_t kSweptAtOnce = 16384;  // places: 1 MiB
constexpr std::chrono::milliseconds kAtOnce{0};

constexpr int kToKnowWhatVanished = 2;       // quick scans
constexpr std::chrono::seconds kBetween{1};  // a storm must not keep us reading the table

}  // namespace

TableScans::TableScans(boost::asio::io_context& io, FlowAssembler& assembler, UnreadEnds& ends,
                       ExtrasSource& extras, const SourceConfig& config,
                       const NetworkNamespace& home)
    : assembler_(assembler),
      ends_(ends),
      extras_(extras),
      config_(config),
      home_(home),
      dump_(io, TableDump::What::kConnections, home),
      reader_(assembler, config.active_timeout),
      scan_timer_(io),
      sweep_timer_(io) {
  reader_.scan_ended = [this](bool complete) { on_end(complete); };
}

void TableScans::adopt_existing() {
  assembler_.skips_existing = true;
  reader_.begin_scan(ScanReader::Purpose::kAdopt, complete_);
  dump_.run(reader_);
  log::info("existing_adopted connections={} complete={}", assembler_.counters.existing_adopted,
            complete_);
}

void TableScans::start() {
  if (config_.active_timeout.count() == 0) return;
  begin();
}

void TableScans::reconcile() {
  if (began_ == MonoTime{}) return;
  const bool again = quick_ > 0;
  quick_ = std::max(quick_, kToKnowWhatVanished);
  // What the running one met before this loss may be gone: two more follow.
  if (again) return;
  if (dump_.running()) {
    dump_.cancel();  // it is slow, and what it met so far may be gone
    complete_ = false;
    ++quick_;
  }
  schedule(std::max(std::chrono::steady_clock::now(), began_ + kBetween));
}

std::chrono::milliseconds TableScans::scan_duration(bool silent) const {
  // The first scan is quick where ends go without an event: whatever it does not meet is lost.
  const bool first = assembler_.counters.entries == 0;
  return quick_ > 0 || (first && silent) ? kAtOnce : reader_.period() * 4 / 5;
}

void TableScans::begin() {
  began_ = std::chrono::steady_clock::now();
  overruns_ = assembler_.counters.overruns;
  entries_before_ = assembler_.counters.entries;
  constexpr std::uint32_t kOnDemand = 2;
  bool silent = false;
  std::size_t entries = 0;
  {
    const auto visit = home_.visit();
    const Capabilities& measured = extras_.refresh();
    kernel_reports_ = measured.reports;
    silent = !measured.ends && events_mode() == kOnDemand;
    entries = table_size();
  }
  reader_.kernel_reports(kernel_reports_);
  reader_.dumps_lack_extras(extras_.capabilities().ends);
  reader_.existing_end_silently(silent);
  const auto duration = scan_duration(silent);
  if (quick_ > 0) --quick_;
  reader_.begin_scan(ScanReader::Purpose::kReport, complete_);
  dump_.start(reader_, entries, duration);
}

void TableScans::on_end(bool complete) {
  complete_ = complete;
  if (began_ == MonoTime{}) return;  // read at once, not by begin()
  ++(complete ? status_.complete : status_.incomplete);
  status_.last_lasted = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began_);
  status_.last_entries = assembler_.counters.entries - entries_before_;
  if (complete) {
    ends_.look([this, scan = assembler_.reported.scan()](bool proven) {
      if (sweep_position_ == ReportedMap::kSwept) {
        begin_sweep(proven ? std::optional(scan) : std::nullopt);
      } else if (proven) {
        awaited_ = scan;  // one is under way for the scan before, as after a loss
      }
    });
  }
  constexpr std::chrono::milliseconds kPause{10};
  const auto now = std::chrono::steady_clock::now();
  MonoTime next = began_;
  if (quick_ == 0) next += reader_.period();
  if (quick_ >= kToKnowWhatVanished) next += kBetween;
  schedule(std::max(next, now + kPause));
}

bool TableScans::some_are_unmeasured() {
  const SourceCounters& counters = assembler_.counters;
  const std::uint64_t unmeasured = counters.unmeasured + counters.unmeasured_packets;
  const auto now = std::chrono::steady_clock::now();
  // Two active timeouts until it is known of each, and the scan that then meets it.
  if (std::exchange(unmeasured_, unmeasured) != unmeasured) {
    unmeasured_until_ = now + 3 * config_.active_timeout;
  }
  return now < unmeasured_until_;
}

bool TableScans::needed() {
  const bool unmeasured = some_are_unmeasured();
  const auto visit = home_.visit();
  return unmeasured || !kernel_reports_ || !complete_ || reader_.dependent() > 0 ||
         overruns_ != assembler_.counters.overruns || !extras_.refresh().reports;
}

void TableScans::schedule(MonoTime when) {
  scan_timer_.at(when, [this] {
    if (needed()) {
      begin();
    } else {
      began_ = std::chrono::steady_clock::now();
      // There is nothing to meet, but what was reported has to outlive a kill.
      if (state_ != nullptr && sweep_position_ == ReportedMap::kSwept) begin_sweep(std::nullopt);
      schedule(began_ + reader_.period());
    }
  });
}

void TableScans::begin_sweep(std::optional<std::uint8_t> scan) {
  sweep_position_ = 0;
  sweep_scan_ = scan;
  vanished_ = 0;
  saving_ = state_ != nullptr && state_->begin();
  sweep();
}

void TableScans::sweep() {
  std::uint64_t gone = 0;
  sweep_position_ = assembler_.reported.forget_vanished(
      sweep_position_, kSweptAtOnce, sweep_scan_, gone, [this](const ReportedConnection& entry) {
        if (saving_) state_->add(entry);
      });
  vanished_ += gone;
  assembler_.counters.reconciled += gone;  // at once: a stop may come before the end
  if (sweep_position_ == ReportedMap::kSwept) {
    if (saving_) {
      store_ends();
      put_state();
    }
    if (vanished_ > 0) log::info("connections_vanished reconciled={}", vanished_);
    if (const auto scan = std::exchange(awaited_, std::nullopt)) begin_sweep(scan);
    return;
  }
  sweep_timer_.after(kSweepPause, [this] { sweep(); });
}

void TableScans::store_ends() {
  assembler_.ended.for_each([this](std::uint64_t key) { state_->add_ended(key); });
}

bool TableScans::leaves_totals() {
  const Capabilities& measured = extras_.capabilities();
  return state_ != nullptr && measured.origin == MeasurementOrigin::kNetfilter &&
         config_.wire_counters;
}

void TableScans::stop(bool report_existing, std::vector<ConntrackTotals>& totals) {
  scan_timer_.cancel();
  sweep_timer_.cancel();
  awaited_.reset();
  dump_.cancel();
  began_ = {};
  const bool leaves = leaves_totals();
  if (!report_existing && !leaves) return;
  if (leaves) reader_.keep_totals(totals);
  reader_.dumps_lack_extras(extras_.capabilities().ends);
  reader_.begin_scan(report_existing ? ScanReader::Purpose::kStop : ScanReader::Purpose::kLeave,
                     false);
  dump_.run(reader_);
  if (report_existing) log::info("reported_at_stop complete={}", complete_);
}

void TableScans::save_state() {
  if (state_ == nullptr || !state_->begin()) return;
  assembler_.reported.for_each([this](const ReportedConnection& entry) { state_->add(entry); });
  store_ends();
  if (put_state()) log::info("state_saved connections={}", assembler_.reported.size());
}

/// Only where the file was written: what is noted elsewhere until the state has it, and forgotten
/// some checkpoints later, is else in neither after a kill.
bool TableScans::put_state() {
  if (!state_->finish()) return false;
  assembler_.sink.on_checkpoint();
  return state_->commit();
}

}  // namespace ctflow
