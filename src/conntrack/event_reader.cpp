// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/event_reader.hpp"

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
      return;
    case DecodeResult::kMalformed:
      count_malformed(message);
      return;
    case DecodeResult::kFlow:
      break;
  }
  ++counters_.ended;
  flow_.event_time = time;
  flow_.end_reason = end_reason(flow_);
  correct_times(flow_, timeouts_, counters_);
  sink_.on_flow(flow_);
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
