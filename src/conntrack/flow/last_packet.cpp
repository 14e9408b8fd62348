// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/last_packet.hpp"

#include <algorithm>

namespace ctflow {
namespace {

TimePoint middle(const Bounds& bounds) {
  return bounds.earliest + (bounds.latest - bounds.earliest) / 2;
}

std::chrono::nanoseconds farthest(TimePoint time, const Bounds& bounds) {
  return std::max(time - bounds.earliest, bounds.latest - time);
}

}  // namespace

void LastPacketSearch::consider(std::chrono::seconds timeout, const Bounds& in_force) {
  if (!expiry_) return;
  const Bounds counted{expiry_->earliest - timeout, expiry_->latest - timeout};
  const Bounds fit{std::max({counted.earliest, known_.earliest, in_force.earliest}),
                   std::min({counted.latest, known_.latest, in_force.latest})};
  if (fit.earliest <= fit.latest) {
    accept(fit);
  } else if (fit.earliest <= fit.latest + kTolerance) {
    const TimePoint time = std::clamp(middle(counted), known_.earliest, known_.latest);
    accept({time, time});
  } else {
    too_early_ = too_early_ || counted.earliest < known_.latest;
    too_late_ = too_late_ || counted.latest > known_.earliest;
  }
}

void LastPacketSearch::accept(const Bounds& fit) {
  if (!first_) {
    first_ = all_ = fit;
  } else {
    all_.earliest = std::min(all_.earliest, fit.earliest);
    all_.latest = std::max(all_.latest, fit.latest);
  }
  only_fits_ = only_fits_ ||
               (only_ && *only_ >= fit.earliest - kTolerance && *only_ <= fit.latest + kTolerance);
}

LastPacket LastPacketSearch::result() const {
  if (!first_) return unexplained();
  if (only_fits_) return {*only_, kTick, true, false};
  constexpr auto kWholeSecond = std::chrono::seconds(1) + 2 * kTolerance;
  const TimePoint time = middle(*first_);
  return {time, farthest(time, all_) + kTick, true, all_.latest - all_.earliest > kWholeSecond};
}

LastPacket LastPacketSearch::unexplained() const {
  TimePoint time = known_.latest;
  if (only_) {
    time = std::clamp(*only_, known_.earliest, known_.latest);
  } else if (too_early_) {
    time = too_late_ ? middle(known_) : known_.earliest;
  }
  return {time, farthest(time, known_) + kTick, false, false};
}

}  // namespace ctflow
