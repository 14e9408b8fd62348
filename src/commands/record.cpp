// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/record.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <optional>

#include "conntrack/events/event_file.hpp"
#include "conntrack/flow/timeouts.hpp"
#include "ctflow/clock.hpp"
#include "event_loop/rounds.hpp"
#include "event_loop/signals.hpp"
#include "event_loop/timer.hpp"

namespace ctflow {
namespace {

/// Has the recording say which timeouts are in force, as a daemon would see them.
class TimeoutsRecorder {
 public:
  TimeoutsRecorder(boost::asio::io_context& io, EventFileWriter& writer)
      : timer_(io), writer_(writer) {}

  void look() {
    constexpr std::chrono::seconds kInterval{2};
    const TimeoutsRead read = read_timeouts(last_.value_or(Timeouts{}));
    if (!read.failure && last_ != read.values) {
      last_ = read.values;
      writer_.on_timeouts(read.values, system_now().wall);
    }
    timer_.at(next_round(kInterval), [this] { look(); });  // with a daemon beside it
  }

 private:
  Timer timer_;
  EventFileWriter& writer_;
  std::optional<Timeouts> last_;  ///< what the recording has
};

}  // namespace

int record_events(const std::string& file_name) {
  boost::asio::io_context io;
  EventListener listener(io, SourceConfig{});
  EventFileWriter writer(file_name);
  SourceCounters counters;
  Signals signals(io, {SIGTERM, SIGINT});
  signals.wait([&](int) { io.stop(); });
  TimeoutsRecorder timeouts(io, writer);
  timeouts.look();
  listener.start(writer, counters);
  log::info("recording file={}", log::quoted(file_name));
  io.run();
  listener.stop();
  log::info("recorded file={} events={} overruns={}", log::quoted(file_name), writer.datagrams(),
            counters.overruns);
  return 0;
}

}  // namespace ctflow
