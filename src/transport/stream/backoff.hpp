// SPDX-License-Identifier: GPL-2.0-or-later
// How long to wait before the next attempt to connect.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>
#include <utility>

namespace ctflow {

/// Doubles from 1 s to 60 s; each wait is between half of that and all of it, by chance, so that
/// many exporters do not reconnect to one collector at the same moment.
class Backoff {
 public:
  using Duration = std::chrono::milliseconds;
  /// A number from 0 to 1.
  using Chance = std::function<double()>;

  Backoff()
      : Backoff([engine = std::minstd_rand(std::random_device()())]() mutable {
          return std::uniform_real_distribution<double>(0, 1)(engine);
        }) {}
  explicit Backoff(Chance chance) : chance_(std::move(chance)) {}

  Duration next() {
    const Duration wait = next_;
    next_ = std::min(next_ * 2, kLongest);
    const auto spread = static_cast<double>((wait / 2).count());
    return wait / 2 + Duration(static_cast<Duration::rep>(chance_() * spread));
  }

  /// After a connection that worked.
  void reset() { next_ = kShortest; }

 private:
  static constexpr Duration kShortest{1000};
  static constexpr Duration kLongest{60'000};

  Chance chance_;
  Duration next_ = kShortest;
};

}  // namespace ctflow
