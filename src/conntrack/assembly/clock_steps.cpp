// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/assembly/clock_steps.hpp"

#include <cstdint>
#include <ctime>
#include <fstream>
#include <string>
#include <utility>

namespace ctflow {
namespace {

constexpr std::chrono::milliseconds kSmallestStep{500};
/// The kernel may stamp a connection just after we have looked at the clock.
constexpr std::chrono::milliseconds kTolerance{100};

/// What a time namespace (time_namespaces(7)) adds to CLOCK_BOOTTIME, as for a container that is to
/// see an uptime of its own. The machine's connections may be older.
ClockSteps::Elapsed time_namespace_offset() {
  std::ifstream file("/proc/self/timens_offsets");
  std::string clock;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  while (file >> clock >> seconds >> nanoseconds) {
    if (clock == "boottime") {
      return std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds);
    }
  }
  return {};
}

ClockSteps::Elapsed since_boot() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// Neither the scheduler nor a hypervisor may stop us between two clocks: what passed meanwhile
/// would look like a step.
ClockSteps::Reading read_clocks() {
  constexpr std::chrono::milliseconds kOneMoment{5};
  constexpr int kTries = 20;
  ClockSteps::Reading reading{};
  for (int i = 0; i < kTries; ++i) {
    const ClockSteps::Elapsed before = since_boot();
    reading.wall = std::chrono::system_clock::now();
    reading.boot = since_boot();
    if (reading.boot - before < kOneMoment) break;
  }
  return reading;
}

}  // namespace

std::function<ClockSteps::Reading()> ClockSteps::machine_clocks() {
  return [offset = time_namespace_offset()] {
    const Reading reading = read_clocks();
    return Reading{reading.wall, reading.boot - offset};
  };
}

ClockSteps::ClockSteps(std::function<Reading()> clocks) : clocks_(std::move(clocks)) {
  steps_.reserve(kRemembered);
}

ClockSteps::Elapsed ClockSteps::observe() {
  const Reading now = clocks_();
  const Reading before = std::exchange(last_, now);
  const Elapsed passed = now.boot - before.boot;
  const Elapsed by = now.wall - before.wall - passed;
  if (!std::exchange(observed_, true) || std::chrono::abs(by) < kSmallestStep) return {};
  if (steps_.size() == kRemembered) steps_.erase(steps_.begin());
  steps_.push_back({now.wall - passed, now.wall, by});  // at some moment since the last look
  total_ += by;
  return by;
}

TimePoint ClockSteps::correct_by_steps(TimePoint stamp, TimePoint wall) const {
  // Backwards through the times between the steps, until one is found that has this moment; all in
  // terms of the clock as it is now.
  Elapsed since{};  // all steps after the time looked at
  TimePoint latest = wall + kTolerance;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    const TimePoint moment = stamp + since;
    if (moment >= step->from + since && moment <= latest) return moment;
    latest = step->until + since;
    since += step->by;
  }
  return stamp + since;
}

}  // namespace ctflow
