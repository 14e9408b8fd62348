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

}  // namespace

std::function<ClockSteps::Elapsed()> ClockSteps::boot_clock() {
  return [offset = time_namespace_offset()]() -> Elapsed {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec) - offset;
  };
}

ClockSteps::ClockSteps(std::function<Elapsed()> since_boot) : since_boot_(std::move(since_boot)) {
  steps_.reserve(kRemembered);
}

ClockSteps::Elapsed ClockSteps::observe(TimePoint wall) {
  const Elapsed boot = since_boot_();
  const Elapsed passed = boot - std::exchange(boot_, boot);
  const Elapsed shown = wall - std::exchange(wall_, wall);
  const Elapsed by = shown - passed;
  if (!std::exchange(observed_, true) || std::chrono::abs(by) < kSmallestStep) return {};
  if (steps_.size() == kRemembered) steps_.erase(steps_.begin());
  steps_.push_back({wall - passed, wall, by});  // at some moment since the last look
  return by;
}

TimePoint ClockSteps::correct(TimePoint stamp, TimePoint wall) const {
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
