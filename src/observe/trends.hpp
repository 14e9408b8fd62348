// SPDX-License-Identifier: GPL-2.0-or-later
// What follows from several statuses: rates, and how long ago a counter grew.
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

  /// Sets rates and ages as of `now`.
  void complete(Status& status, MonoTime now) const;

 private:
  struct Growth {
    std::uint64_t value = 0;
    MonoTime grown{};  ///< zero: never
  };
  struct Sample {
    MonoTime time;
    std::uint64_t events;
  };

  void watch(const std::string& key, std::uint64_t value, MonoTime now);
  [[nodiscard]] Ago since(const std::string& key, MonoTime now) const;
  [[nodiscard]] EventRates rates(const std::string& key) const;

  std::map<std::string, Growth> growths_;
  std::map<std::string, std::deque<Sample>> events_;  ///< by namespace; the newest at the end
};

}  // namespace ctflow
