// SPDX-License-Identifier: GPL-2.0-or-later
// When the last packet of a connection came, from evidence that is never exact. Pure arithmetic.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "ctflow/flow.hpp"

namespace ctflow {

/// Something happened neither before nor after these.
struct Bounds {
  TimePoint earliest;
  TimePoint latest;

  [[nodiscard]] TimePoint middle() const { return earliest + (latest - earliest) / 2; }
  /// How far the farther of the two is.
  [[nodiscard]] std::chrono::nanoseconds farthest_from(TimePoint time) const {
    return std::max(time - earliest, latest - time);
  }

  friend bool operator==(const Bounds&, const Bounds&) = default;
};

/// A conclusion, and how far it may be from the truth.
struct LastPacket {
  TimePoint time;
  std::chrono::nanoseconds error{};  ///< the last packet was at `time`, this much more or less
  bool explained = false;            ///< a timeout fits the evidence
  bool ambiguous = false;            ///< several do, and they disagree
};

/// The kernel says when an entry expires: last packet plus timeout. Which of its timeouts the last
/// packet set it does not say. Each that may have been it is checked against all else that is
/// known.
class LastPacketSearch {
 public:
  /// The kernel counts timeouts in ticks, 1 to 10 ms by its HZ, and stamps by a finer clock.
  static constexpr std::chrono::milliseconds kTick{10};
  /// How far evidence may contradict a timeout that is not excluded yet: ticks that come late on a
  /// loaded machine, a clock that NTP slews.
  static constexpr std::chrono::milliseconds kTolerance{50};

  /// `known`: from everything but timeouts. `expiry`: when the entry would expire or did, without
  /// another packet; nothing: that is not known.
  LastPacketSearch(const Bounds& known, const std::optional<Bounds>& expiry)
      : known_(known), expiry_(expiry) {}

  /// The connection had one packet in all, the one that began it.
  void only_packet(TimePoint start) {
    only_ = start;
    has_only_ = true;
  }

  /// The last packet may have set this timeout if it came within `in_force`. The likeliest first.
  void consider(std::chrono::seconds timeout, const Bounds& in_force);

  [[nodiscard]] LastPacket result() const;

 private:
  void accept(const Bounds& fit);
  [[nodiscard]] LastPacket unexplained() const;

  Bounds known_;
  std::optional<Bounds> expiry_;
  TimePoint only_{};
  Bounds first_{};  ///< of the first timeout that fits
  Bounds all_{};    ///< from the earliest to the latest that fits
  bool has_only_ = false;
  bool fits_ = false;  ///< a timeout fits
  bool only_fits_ = false;
  bool too_early_ = false;  ///< a timeout would put the last packet before what is known
  bool too_late_ = false;   ///< … behind it
};

// In line: they run for every connection.

inline LastPacket LastPacketSearch::unexplained() const {
  TimePoint time = known_.latest;
  if (has_only_) {
    time = std::clamp(only_, known_.earliest, known_.latest);
  } else if (too_early_) {
    time = too_late_ ? known_.middle() : known_.earliest;
  }
  return {time, known_.farthest_from(time) + kTick, false, false};
}

inline void LastPacketSearch::consider(std::chrono::seconds timeout, const Bounds& in_force) {
  if (!expiry_) return;
  const Bounds counted{expiry_->earliest - timeout, expiry_->latest - timeout};
  const Bounds fit{std::max({counted.earliest, known_.earliest, in_force.earliest}),
                   std::min({counted.latest, known_.latest, in_force.latest})};
  if (fit.earliest <= fit.latest) {
    accept(fit);
  } else if (fit.earliest <= fit.latest + kTolerance) {
    const TimePoint time = std::clamp(counted.middle(), known_.earliest, known_.latest);
    accept({time, time});
  } else {
    too_early_ = too_early_ || counted.earliest < known_.latest;
    too_late_ = too_late_ || counted.latest > known_.earliest;
  }
}

inline void LastPacketSearch::accept(const Bounds& fit) {
  if (!fits_) {
    fits_ = true;
    first_ = all_ = fit;
  } else {
    all_.earliest = std::min(all_.earliest, fit.earliest);
    all_.latest = std::max(all_.latest, fit.latest);
  }
  only_fits_ = only_fits_ || (has_only_ && only_ >= fit.earliest - kTolerance &&
                              only_ <= fit.latest + kTolerance);
}

inline LastPacket LastPacketSearch::result() const {
  if (!fits_) return unexplained();
  if (only_fits_) return {only_, kTick, true, false};
  constexpr auto kWholeSecond = std::chrono::seconds(1) + 2 * kTolerance;
  const TimePoint time = first_.middle();
  return {time, all_.farthest_from(time) + kTick, true, all_.latest - all_.earliest > kWholeSecond};
}

}  // namespace ctflow
