// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/event_reader.hpp"

#include "conntrack/flow/decode.hpp"

namespace ctflow {

using Outcome = LiveConnections::Outcome;

void EventReader::on_datagram(Bytes datagram, const Instant& time) {
  reading_.watch_clock(time);
  Messages messages(datagram);
  Bytes message;
  while (messages.next(message)) read_message(message, time);
  if (messages.malformed()) count_malformed(datagram);
}

void EventReader::read_message(Bytes message, const Instant& time) {
  ++reading_.counters.messages;
  switch (decode(message, flow_)) {
    case DecodeResult::kFlow:
      read_end(time);
      break;
    case DecodeResult::kReport:
      read_report(time);
      break;
    case DecodeResult::kCreated:
      read_creation(time);
      break;
    case DecodeResult::kEntry:
    case DecodeResult::kIgnored:
      ++reading_.counters.ignored;
      break;
    case DecodeResult::kMalformed:
      count_malformed(message);
      break;
  }
}

void EventReader::read_end(const Instant& time) {
  ++reading_.counters.ended;
  if (reading_.filter(flow_)) return;
  const Sighting sighting = reading_.identify(flow_, time);
  if (!reading_.repeats_end(sighting, flow_)) read_first_end(sighting, time);
}

void EventReader::read_first_end(const Sighting& sighting, const Instant& time) {
  const bool skipped = reading_.skip_existing(sighting, flow_);
  if (skipped) reading_.count_ignored(flow_);
  reading_.complete(sighting, flow_, time);
  const Outcome outcome = reading_.live.finish(sighting, flow_);
  if (outcome == Outcome::kNews && !skipped) {
    reading_.sink.on_flow(flow_);
  } else if (reading_.sessions) {
    flow_.event = FlowEvent::kEndedBefore;
    reading_.sink.on_flow(flow_);
  } else if (skipped) {
    ++reading_.counters.existing_skipped;
  } else if (outcome == Outcome::kEmpty) {
    reading_.count_empty(time);
  } else {
    ++reading_.counters.already_reported;
  }
}

void EventReader::on_undelivered_end(Bytes message, const Instant& time) {
  if (decode(message, flow_) != DecodeResult::kEntry) return;
  flow_.event = FlowEvent::kEnded;
  flow_.port_id = 0;  // that of our request
  if (reading_.ended.contains(Sighting(flow_, reading_.wire_counters).end_key)) return;
  read_end(time);
}

void EventReader::on_batch_end() {
  reading_.watch_counters(system_now());
  reading_.sink.on_batch_end();
}

void EventReader::read_creation(const Instant& time) {
  if (!reading_.sessions) {
    ++reading_.counters.ignored;
    return;
  }
  ++reading_.counters.created;
  if (reading_.filter(flow_) || reading_.repeats_beginning(flow_)) return;
  flow_.event_time = flow_.start = flow_.end = time.wall;
  reading_.sink.on_flow(flow_);
}

void EventReader::read_report(const Instant& time) {
  ++reading_.counters.reports;
  if (reading_.filter(flow_)) return;
  const Sighting sighting = reading_.identify(flow_, time);
  const bool over = sighting.stamped && reading_.ended.contains(sighting.key);
  if (over || reading_.skip_existing(sighting, flow_)) {
    ++reading_.counters.reports_skipped;
    return;
  }
  reading_.complete(sighting, flow_, time);
  const Outcome outcome = reading_.live.report(sighting, flow_, time);
  if (outcome == Outcome::kFull) reading_.count_no_room();
  if (outcome == Outcome::kNews) {
    reading_.sink.on_flow(flow_);
  } else {
    ++reading_.counters.reports_skipped;
  }
}

void EventReader::count_malformed(Bytes message) {
  ++reading_.counters.malformed;
  if (malformed_log_.allow()) {
    log::warn(
        "event_malformed octets={} suppressed={} mend=\"please report it with a file made by: "
        "ctflowd record FILE\"",
        message.size(), malformed_log_.suppressed());
  }
}

}  // namespace ctflow
