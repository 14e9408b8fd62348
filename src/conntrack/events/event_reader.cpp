// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/event_reader.hpp"

#include <algorithm>
#include <utility>

#include "conntrack/events/expected_end.hpp"
#include "conntrack/flow/decode.hpp"
#include "conntrack/flow/decode_record.hpp"

namespace ctflow {

void EventReader::begin_datagram(const Instant& time) {
  if (std::exchange(batch_, time.steady) != time.steady) assembler_.watch_clock();
}

void EventReader::read_first_end(const ConnectionIdentity& identity, const Instant& time) {
  const bool skipped = assembler_.skip_existing(identity, flow_);
  if (skipped) assembler_.count_ignored(flow_);
  if (assembler_.nat_events && flow_.present.stop) flow_.removed = std::min(flow_.end, time.wall);
  assembler_.complete(identity, flow_, time);
  const Outcome outcome = assembler_.reported.finish(identity, flow_);
  if (outcome == Outcome::kNews && !skipped) {
    assembler_.sink.on_flow(flow_);
  } else {
    pass_over_end(outcome, skipped, time);
  }
}

void EventReader::pass_over_end(Outcome outcome, bool skipped, const Instant& time) {
  if (assembler_.nat_events || assembler_.every_end) {
    flow_.event = FlowEvent::kEndedBefore;
    assembler_.sink.on_flow(flow_);
  } else if (skipped) {
    ++assembler_.counters.existing_skipped;
  } else if (outcome == Outcome::kEmpty) {
    assembler_.count_empty(time);
  } else {
    ++assembler_.counters.already_reported;
  }
}

void EventReader::read_end(const Instant& time) {
  ++assembler_.counters.ended;
  if (assembler_.filter(flow_)) return;
  const ConnectionIdentity identity = assembler_.identify(flow_, time);
  const bool begun = assembler_.forget_beginning(flow_);
  if (assembler_.repeats_end(identity, begun)) return;
  if (!begun && assembler_.missed_beginning(flow_)) make_creation();
  read_first_end(identity, time);
}

bool EventReader::read(DecodeResult decoded, const Instant& time) {
  if (decoded != DecodeResult::kFlow) return read_other(decoded, time);
  read_end(time);
  return true;
}

bool EventReader::read_other(DecodeResult decoded, const Instant& time) {
  switch (decoded) {
    case DecodeResult::kReport:
      read_report(time);
      break;
    case DecodeResult::kCreated:
      read_creation(time);
      break;
    case DecodeResult::kFlow:
    case DecodeResult::kEntry:
    case DecodeResult::kIgnored:
      ++assembler_.counters.ignored;
      break;
    case DecodeResult::kMalformed:
      return false;
  }
  return true;
}

void EventReader::read_message(Bytes message, const Instant& time) {
  ++assembler_.counters.messages;
  const DecodeResult decoded = decode(message, flow_);
  if (decoded == DecodeResult::kFlow) {
    read_end(time);
  } else if (!read_other(decoded, time)) {
    count_malformed(message);
  }
}

void EventReader::on_datagram(Bytes datagram, const Instant& time) {
  begin_datagram(time);
  Messages messages(datagram);
  Bytes message;
  while (messages.next(message)) read_message(message, time);
  if (messages.malformed()) count_malformed(datagram);
}

void EventReader::expect(Bytes datagram) {
  const std::uint64_t key = expected_end::key(datagram);
  assembler_.ended.expect(key);
  assembler_.reported.expect(key);
}

void EventReader::on_record(const ctflow_record& record, const Instant& time) {
  begin_datagram(time);
  ++assembler_.counters.messages;
  const DecodeResult decoded = decode_record(record, time, flow_);
  if (totals_ != nullptr && decoded == DecodeResult::kReport && flow_.present.counters) {
    totals_->push_back(
        {ConnectionIdentity(flow_).key, flow_.original_counters, flow_.reply_counters});
  }
  if (!read(decoded, time)) ++assembler_.counters.malformed;
}

void EventReader::on_undelivered_end(Bytes message, const Instant& time) {
  if (decode(message, flow_) != DecodeResult::kEntry) return;
  flow_.event = FlowEvent::kEnded;
  flow_.port_id = 0;  // that of our request
  if (assembler_.ended.contains(ConnectionIdentity(flow_).end_key)) return;
  // The list has the timeout that is left now, 0 where an event would have none.
  if (flow_.present.timeout && flow_.timeout == 0) flow_.present.timeout = false;
  read_end(time);
}

void EventReader::on_batch_end() {
  assembler_.watch_counters(system_now());
  assembler_.sink.on_batch_end();
}

void EventReader::read_creation(const Instant& time) {
  if (!assembler_.nat_events) {
    ++assembler_.counters.ignored;
    return;
  }
  ++assembler_.counters.created;
  if (assembler_.filter(flow_) || assembler_.repeats_beginning(flow_)) return;
  assembler_.derive_id(flow_);
  flow_.event_time = flow_.start = flow_.end = time.wall;
  assembler_.sink.on_flow(flow_);
}

[[gnu::noinline]] void EventReader::make_creation() {
  ++assembler_.counters.created;
  Flow creation = flow_;
  creation.event = FlowEvent::kCreated;
  creation.event_time = creation.end = creation.start;
  creation.original_counters = creation.reply_counters = {};
  creation.extras = {};
  creation.present = {};
  creation.present.no_ports = flow_.present.no_ports;
  assembler_.sink.on_flow(creation);
}

void EventReader::read_report(const Instant& time) {
  ++assembler_.counters.reports;
  if (assembler_.filter(flow_)) return;
  const ConnectionIdentity identity = assembler_.identify(flow_, time);
  const bool over = identity.stamped && assembler_.ended.contains(identity.key);
  if (over || assembler_.skip_existing(identity, flow_)) {
    ++assembler_.counters.reports_skipped;
    return;
  }
  assembler_.complete(identity, flow_, time);
  if (forced_) flow_.end_reason = EndReason::kForcedEnd;
  const Outcome outcome = assembler_.reported.report(identity, flow_, time);
  if (outcome == Outcome::kFull) assembler_.count_no_room();
  if (outcome == Outcome::kNews) {
    assembler_.sink.on_flow(flow_);
  } else {
    ++assembler_.counters.reports_skipped;
  }
}

void EventReader::count_malformed(Bytes message) {
  ++assembler_.counters.malformed;
  if (malformed_log_.allow()) {
    log::warn(
        "event_malformed octets={} suppressed={} impact=\"the event is dropped: its connection is "
        "not exported, or lacks what came after the previous report\" fix=\"please report it with "
        "a file made by: ctflowd record FILE\"",
        message.size(), malformed_log_.suppressed());
  }
}

}  // namespace ctflow
