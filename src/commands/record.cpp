// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/record.hpp"

#include <boost/asio/io_context.hpp>
#include <csignal>

#include "conntrack/events/event_file.hpp"
#include "event_loop/signals.hpp"

namespace ctflow {

int record_events(const std::string& file_name) {
  boost::asio::io_context io;
  EventListener listener(io, SourceConfig{});
  EventFileWriter writer(file_name);
  SourceCounters counters;
  Signals signals(io, {SIGTERM, SIGINT});
  signals.wait([&](int) { io.stop(); });
  listener.start(writer, counters);
  log::info("recording file={}", log::quoted(file_name));
  io.run();
  listener.stop();
  log::info("recorded file={} events={} overruns={}", log::quoted(file_name), writer.datagrams(),
            counters.overruns);
  return 0;
}

}  // namespace ctflow
