// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/event_reader.hpp"

#include "conntrack/apply_extras.hpp"
#include "conntrack/decode.hpp"
#include "conntrack/end_of_flow.hpp"

namespace ctflow {

void EventReader::on_datagram(Bytes datagram, TimePoint time) {
  Messages messages(datagram);
  Bytes message;
  while (messages.next(message)) read_message(message, time);
  if (messages.malformed()) count_malformed(datagram);
}

void EventReader::read_message(Bytes message, TimePoint time) {
  ++counters_.messages;
  switch (decode(message, flow_)) {
    case DecodeResult::kIgnored:
      ++counters_.ignored;
      break;
    case DecodeResult::kMalformed:
      count_malformed(message);
      break;
    case DecodeResult::kFlow:
      ++counters_.ended;
      complete(time);
      hand_on(live_.finish(flow_), counters_.already_reported);
      break;
    case DecodeResult::kReport:
      ++counters_.reports;
      complete(time);
      // A closed TCP connection is reported at once, long before its entry goes.
      if (flow_.end_reason != EndReason::kEndOfFlow) flow_.end_reason = EndReason::kActiveTimeout;
      hand_on(live_.report(flow_), counters_.reports_skipped);
      break;
  }
}

void EventReader::complete(TimePoint time) {
  flow_.event_time = time;
  flow_.end_reason = end_reason(flow_);
  if (!has_packet_times(flow_.extras)) correct_times(flow_, timeouts_, counters_);
  apply_extras(flow_, wire_counters_, counters_);
}

void EventReader::hand_on(LiveConnections::Outcome outcome, std::uint64_t& nothing_new) {
  if (outcome == LiveConnections::Outcome::kNews) {
    sink_.on_flow(flow_);
  } else {
    ++nothing_new;
  }
}

void EventReader::count_malformed(Bytes message) {
  ++counters_.malformed;
  if (malformed_log_.allow()) {
    log::warn(
        "event_malformed octets={} suppressed={} mend=\"please report it with a file made by: "
        "ctflowd record FILE\"",
        message.size(), malformed_log_.suppressed());
  }
}

}  // namespace ctflow
