// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/scan_reader.hpp"

#include <utility>

#include "conntrack/flow/decode.hpp"
#include "extras/apply_extras.hpp"

namespace ctflow {
namespace {

using Visit = ReportedConnections::Visit;

/// IPS_DYING: removed, its event already sent; it only waits for the lock of its hash bucket.
constexpr std::uint32_t kDying = 1U << 9;

}  // namespace

std::chrono::milliseconds ScanReader::period() const {
  // Two scans and some delay fit into one active timeout.
  return active_timeout_ * 19 / 40;
}

void ScanReader::begin_scan(Purpose purpose, bool previous_complete) {
  purpose_ = purpose;
  dependent_ = 0;
  assembler_.reported.begin_scan(previous_complete);
}

Written ScanReader::by_present_clock(Written written) {
  if (std::exchange(part_waits_, false)) {
    assembler_.watch_clock();
    set_meanwhile_ = assembler_.clock_set_by() - set_by_;
  }
  written.earliest.wall += set_meanwhile_;
  written.latest.wall += set_meanwhile_;
  return written;
}

void ScanReader::on_entry(Bytes message, const Written& written) {
  SourceCounters& counters = assembler_.counters;
  switch (decode(message, flow_)) {
    case DecodeResult::kEntry:
      ++counters.entries;
      if (assembler_.filter(flow_)) {
        keep_filtered(written.latest);
      } else if (!handle_entry(by_present_clock(written))) {
        ++counters.entries_skipped;
      }
      break;
    case DecodeResult::kMalformed:
      ++counters.malformed;
      break;
    default:
      ++counters.ignored;
      break;
  }
}

/// Its mark may change once more, and what was reported is not new then.
void ScanReader::keep_filtered(const Instant& time) {
  if (assembler_.reported.size() == 0) return;
  assembler_.reported.keep(assembler_.identify(flow_, time));
}

bool ScanReader::handle_entry(const Written& written) {
  if ((flow_.status & kDying) != 0) return false;
  flow_.port_id = 0;  // that of our request
  const ConnectionIdentity identity = assembler_.identify(flow_, written.latest);
  if (dumps_lack_extras_ && has_records(identity, written.latest)) {
    assembler_.reported.keep(identity);
    return false;
  }
  const Visit visit = assembler_.reported.visit(identity, written);
  if (visit == Visit::kGone) return false;
  if (purpose_ == Purpose::kAdopt) {
    adopt(identity, written);
    return false;
  }
  if (assembler_.skip_existing(identity, flow_)) return false;
  if (kernel_reports_ && flow_.extras.present && purpose_ == Purpose::kReport) return false;
  ++dependent_;
  if (purpose_ == Purpose::kLeave ? !identity.wire : !is_due(visit, written.latest)) return false;
  if (totals_ != nullptr && identity.wire) {
    totals_->push_back({identity.key, flow_.original_counters, flow_.reply_counters});
  }
  return report(identity, written);
}

bool ScanReader::has_records(const ConnectionIdentity& identity, const Instant& time) const {
  if (assembler_.began_before_us(flow_)) return false;
  if (assembler_.reported.counts_wire(identity)) return true;
  if (!flow_.present.start) return false;
  // All that began since we watch are measured, unless there was no room for some, or the program
  // was skipped for their first packet. Those that are have had a record by now.
  const SourceCounters& counters = assembler_.counters;
  return counters.unmeasured + counters.unmeasured_packets == 0 ||
         time.wall - flow_.start < 2 * active_timeout_;
}

void ScanReader::adopt(const ConnectionIdentity& identity, const Written& written) {
  if (flow_.present.start && !assembler_.began_before_us(flow_)) return;  // quite new
  if (assembler_.reported.contains(identity)) return;                     // by the state file
  apply_wire_counters(flow_);
  flow_.end = written.latest.wall;
  if (assembler_.reported.adopt(identity, flow_, written)) {
    ++assembler_.counters.existing_adopted;
    assembler_.count_ignored(flow_);
  } else if (flow_.present.counters) {
    assembler_.count_no_room();
  }
}

bool ScanReader::ends_silently() const {
  if (existing_end_silently_ && assembler_.began_before_us(flow_)) return true;
  return flow_.present.start && assembler_.silence.contains(flow_.start);
}

bool ScanReader::is_due(Visit visit, const Instant& time) const {
  if (purpose_ == Purpose::kStop || visit == Visit::kDue) return true;
  const bool silent = ends_silently();
  if (visit == Visit::kEarly) return silent;
  if (silent || !flow_.present.start) return true;
  const auto age = time.wall - flow_.start;  // negative: the clock was set back
  return age + period() >= active_timeout_ || age < age.zero();
}

bool ScanReader::report(const ConnectionIdentity& identity, const Written& written) {
  assembler_.complete(identity, flow_, written);
  if (purpose_ == Purpose::kStop) flow_.end_reason = EndReason::kForcedEnd;
  const auto outcome = assembler_.reported.report(identity, flow_, written);
  if (outcome == ReportedConnections::Outcome::kFull) assembler_.count_no_room();
  if (outcome != ReportedConnections::Outcome::kNews) return false;
  assembler_.sink.on_flow(flow_);
  return true;
}

void ScanReader::on_part_requested() {
  assembler_.watch_clock();
  set_by_ = assembler_.clock_set_by();
  part_waits_ = true;
  assembler_.watch_counters(system_now());
  assembler_.reported.on_part_requested();
  assembler_.sink.on_batch_end();
}

void ScanReader::on_dump_end(bool complete) {
  assembler_.reported.on_scan_end();
  assembler_.sink.on_batch_end();
  scan_ended(complete);
}

}  // namespace ctflow
