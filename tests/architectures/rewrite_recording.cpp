// SPDX-License-Identifier: GPL-2.0-or-later
// rewrite_recording FROM TO: writes a recording again, as `ctflowd record` of this machine would
// have.
#include <cstdio>
#include <exception>

#include "conntrack/events/event_file.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FROM TO\n", argv[0]);
    return 2;
  }
  try {
    ctflow::EventFileReader reader(argv[1]);
    ctflow::EventFileWriter writer(argv[2]);
    reader.on_timeouts([&](const ctflow::TimeoutsRead& read, ctflow::TimePoint time) {
      writer.on_timeouts(read.values, time);
    });
    ctflow::Bytes datagram;
    ctflow::TimePoint time;
    while (reader.next(datagram, time)) writer.on_datagram(datagram, {time, {}});
    writer.on_batch_end();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
