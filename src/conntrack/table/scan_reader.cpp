// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/scan_reader.hpp"

#include "conntrack/flow/decode.hpp"
#include "extras/from_patch/apply_extras.hpp"

namespace ctflow {
namespace {

using Visit = LiveConnections::Visit;

/// IPS_DYING: removed, its event already sent; it only waits for the lock of its hash bucket.
constexpr std::uint32_t kDying = 1U << 9;

}  // namespace

std::chrono::milliseconds TableReader::period() const {
  // Two passes and some delay fit into one active timeout.
  return active_timeout_ * 19 / 40;
}

void TableReader::begin_pass(Purpose purpose, bool previous_complete) {
  purpose_ = purpose;
  dependent_ = 0;
  reading_.live.begin_pass(previous_complete);
}

void TableReader::on_entry(Bytes message, const Instant& time) {
  SourceCounters& counters = reading_.counters;
  switch (decode(message, flow_)) {
    case DecodeResult::kEntry:
      ++counters.entries;
      if (!reading_.filter(flow_) && !handle_entry(time)) ++counters.entries_skipped;
      break;
    case DecodeResult::kMalformed:
      ++counters.malformed;
      break;
    default:
      ++counters.ignored;
      break;
  }
}

bool TableReader::handle_entry(const Instant& time) {
  if ((flow_.status & kDying) != 0) return false;
  flow_.port_id = 0;  // that of our request
  const Sighting sighting = reading_.identify(flow_, time);
  const Visit visit = reading_.live.visit(sighting, time);
  if (visit == Visit::kGone) return false;
  if (purpose_ == Purpose::kAdopt) {
    adopt(sighting, time);
    return false;
  }
  if (reading_.skip_existing(sighting, flow_)) return false;
  if (kernel_reports_ && flow_.extras.present && purpose_ == Purpose::kReport) return false;
  ++dependent_;
  if (!is_due(visit, time)) return false;
  return report(sighting, time);
}

void TableReader::adopt(const Sighting& sighting, const Instant& time) {
  if (flow_.present.start && !reading_.began_before_us(flow_)) return;  // quite new
  if (reading_.live.remembers(sighting)) return;                        // by the state file
  if (reading_.wire_counters) apply_wire_counters(flow_);
  flow_.end = time.wall;
  if (reading_.live.adopt(sighting, flow_, time)) {
    ++reading_.counters.existing_adopted;
    reading_.count_ignored(flow_);
  } else if (flow_.present.counters) {
    reading_.count_no_room();
  }
}

bool TableReader::is_due(Visit visit, const Instant& time) const {
  if (purpose_ == Purpose::kStop || visit == Visit::kDue) return true;
  const bool silent = existing_end_silently_ && reading_.began_before_us(flow_);
  if (visit == Visit::kEarly) return silent;
  if (silent || !flow_.present.start) return true;
  const auto age = time.wall - flow_.start;  // negative: the clock was set back
  return age + period() >= active_timeout_ || age < age.zero();
}

bool TableReader::report(const Sighting& sighting, const Instant& time) {
  reading_.complete(sighting, flow_, time);
  if (purpose_ == Purpose::kStop) flow_.end_reason = EndReason::kForcedEnd;
  const auto outcome = reading_.live.report(sighting, flow_, time);
  if (outcome == LiveConnections::Outcome::kFull) reading_.count_no_room();
  if (outcome != LiveConnections::Outcome::kNews) return false;
  reading_.sink.on_flow(flow_);
  return true;
}

void TableReader::on_part_requested() {
  const Instant now = system_now();
  reading_.watch_clock(now);
  reading_.watch_counters(now);
  reading_.live.on_part_requested();
  reading_.sink.on_batch_end();
}

void TableReader::on_pass_end(bool complete) { pass_ended(complete); }

}  // namespace ctflow
