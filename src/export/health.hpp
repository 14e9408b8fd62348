// SPDX-License-Identifier: GPL-2.0-or-later
// Whether a collector receives what is sent to it, as far as this host can find out.
#pragma once

#include <chrono>

#include "ctflow/clock.hpp"

namespace ctflow {

/// Two failures in quick succession make a collector unhealthy: one may be that of a collector that
/// was restarted. It is healthy again when nothing failed for a while in which it was tried.
class Health {
 public:
  /// Without a failure for so long it is healthy again.
  void set_recovery(std::chrono::milliseconds recovery) { recovery_ = recovery; }

  /// An error of sending, or an ICMP error for an earlier message.
  void on_failure(MonoTime now) {
    const bool alone = failures_ == 0 || now - last_failure_ > kTogether;
    failures_ = alone ? 1 : failures_ + 1;
    last_failure_ = now;
    if (failures_ >= kEnough) healthy_ = false;
  }

  /// There is no connection at all.
  void on_disconnected(MonoTime now) {
    last_failure_ = now;
    failures_ = kEnough;
    healthy_ = false;
  }

  /// Time has passed.
  void tick(MonoTime now) {
    if (healthy_ || now - last_failure_ < recovery_) return;
    healthy_ = true;
    failures_ = 0;
  }

  [[nodiscard]] bool healthy() const { return healthy_; }

 private:
  static constexpr int kEnough = 2;
  // A kernel may answer as seldom as once a second (icmp_ratelimit).
  static constexpr std::chrono::seconds kTogether{10};

  std::chrono::milliseconds recovery_{};
  MonoTime last_failure_{};
  int failures_ = 0;
  bool healthy_ = true;
};

}  // namespace ctflow
