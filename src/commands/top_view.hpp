// SPDX-License-Identifier: GPL-2.0-or-later
// Rates, from what a running ctflowd has counted at several times.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace ctflow {

/// What one key had at a time.
struct TopCount {
  std::string name{};  ///< of a device, else its key
  std::uint64_t down_octets = 0;
  std::uint64_t up_octets = 0;
  std::uint64_t connections = 0;
};

/// An answer of /top.
struct TopSample {
  std::string by{};
  double seconds = 0;                        ///< of a clock that is never set
  double reported_every = 0;                 ///< seconds, 0: connections are counted when they end
  std::map<std::string, TopCount> counts{};  ///< by key
};

/// Which part of an answer is wanted.
struct TopQuestion {
  std::string network_namespace{};
  std::string direction = "internet";
  std::string by{};  ///< empty: the most useful key
};

/// Throws std::runtime_error where it has no such namespace, or does not count, and for the answer
/// of another program.
TopSample read_top(const std::string& json, const TopQuestion& question);

/// Whether there is such a direction.
bool is_top_direction(const std::string& text);

/// The last samples, as many as rates need.
class TopRates {
 public:
  /// What began after the first sample had nothing in it; where a count fell, ctflowd was started
  /// again, and the samples before are of another one.
  void add(TopSample sample, std::chrono::seconds interval);

  [[nodiscard]] bool ready() const { return samples_.size() > 1; }

  /// At most 80 columns, unless a name needs more. `scope`: which directions, in words.
  [[nodiscard]] std::string text(std::size_t top, const std::string& scope) const;

 private:
  std::deque<TopSample> samples_;
};

}  // namespace ctflow
