// SPDX-License-Identifier: GPL-2.0-or-later
// How many connections the kernel gave up because its table was full.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "ctflow/clock.hpp"
#include "process/descriptor.hpp"

namespace ctflow {

/// A stock kernel does not say of an event that it comes from early_drop() (nf_conntrack_core.c),
/// but counts them: as many unexplained removals as it counted were such.
class EarlyDrops {
 public:
  /// Of the network namespace that this thread is in. A file that cannot be read: nothing is ever
  /// claimed.
  explicit EarlyDrops(const std::string& file = "/proc/thread-self/net/stat/nf_conntrack");
  ~EarlyDrops() = default;

  EarlyDrops(const EarlyDrops&) = delete;
  EarlyDrops& operator=(const EarlyDrops&) = delete;
  EarlyDrops(EarlyDrops&&) = delete;
  EarlyDrops& operator=(EarlyDrops&&) = delete;

  /// True: the kernel has counted one more than was claimed so far. Reads the file, at most once in
  /// a millisecond.
  bool claim(MonoTime now);

  /// To be called every few seconds: what was not claimed for ten will not be, because the event
  /// was lost or filtered. Else later removals for other reasons would be taken for it.
  void forget_old(MonoTime now);

 private:
  [[nodiscard]] std::uint64_t read() const;
  void count(MonoTime now);

  Descriptor file_;
  std::uint64_t unclaimed_ = 0;
  std::uint64_t earlier_ = 0;  ///< the same of before the last forget_old()
  std::uint64_t counted_ = 0;
  MonoTime read_at_ = MonoTime::min();
  MonoTime forgot_at_{};
};

}  // namespace ctflow
