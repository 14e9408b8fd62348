// SPDX-License-Identifier: GPL-2.0-or-later
// What follows from several statuses: rates, how long ago a counter grew, and how long a spool that
// fills has room.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>

#include "ctflow/clock.hpp"
#include "ctflow/status.hpp"

namespace ctflow {

/// Fed with a status once a second.
class Trends {
 public:
  void sample(const Status& status, MonoTime now);

  /// Sets rates, ages and room as of `now`.
  void complete(Status& status, MonoTime now) const;

 private:
  struct Growth {
    std::uint64_t value = 0;
    MonoTime grown{};                              ///< zero: never
    std::chrono::system_clock::time_point wall{};  ///< the same by the wall clock
  };
  struct Sample {
    MonoTime time;
    std::uint64_t value;
  };
  using Samples = std::deque<Sample>;  ///< of the last minute, the newest at the end

  void watch(const std::string& key, std::uint64_t value, MonoTime now);
  void watch_output(const std::string& key, const OutputStatus& output, MonoTime now);
  void complete_output(const std::string& key, OutputStatus& output, MonoTime now) const;
  [[nodiscard]] Ago since(const std::string& key, MonoTime now) const;
  [[nodiscard]] SpoolRoom room_of(const std::string& key, const OutputStatus& output) const;

  std::chrono::system_clock::time_point wall_{};  ///< of the last status
  std::map<std::string, Growth> growths_;
  std::map<std::string, Samples> counts_;  ///< events and records, by namespace and output
  std::map<std::string, Samples> kept_;    ///< octets that an output keeps, by namespace and output
};

}  // namespace ctflow
