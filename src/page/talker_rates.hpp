// SPDX-License-Identifier: GPL-2.0-or-later
// Rates of now, from what accounting counted at several times; as `ctflowd top` has them.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <string>

#include "ctflow/clock.hpp"
#include "ctflow/status.hpp"
#include "page/values.hpp"

namespace ctflow::page {

/// Of one network namespace. Keeps some ten samples at most.
class TalkerRates {
 public:
  /// `counted`: with its usage. What was read long ago, or by another counting, is forgotten.
  void add(const NamespaceUsage& counted, MonoTime now);

  [[nodiscard]] Talkers talkers(std::size_t top) const;

 private:
  struct Count {
    std::string name{};
    std::uint64_t down_octets = 0;
    std::uint64_t up_octets = 0;
  };
  using Counts = std::map<std::string, Count>;  ///< by key
  struct Sample {
    MonoTime at{};
    Counts counts{};
  };

  [[nodiscard]] static Counts internet_of(const Usage& usage);
  [[nodiscard]] static bool fell(const Counts& before, const Counts& after);

  std::string name_;
  std::string by_;
  std::chrono::milliseconds reported_every_{0};
  std::deque<Sample> samples_;
};

}  // namespace ctflow::page
