// SPDX-License-Identifier: GPL-2.0-or-later
// When the last packet of a connection came, from evidence that is never exact. Pure arithmetic.
#pragma once

#include <chrono>
#include <optional>

#include "ctflow/flow.hpp"

namespace ctflow {

/// Something happened neither before nor after these.
struct Bounds {
  TimePoint earliest;
  TimePoint latest;

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
  void only_packet(TimePoint start) { only_ = start; }

  /// The last packet may have set this timeout if it came within `in_force`. The likeliest first.
  void consider(std::chrono::seconds timeout, const Bounds& in_force);

  [[nodiscard]] LastPacket result() const;

 private:
  void accept(const Bounds& fit);
  [[nodiscard]] LastPacket unexplained() const;

  Bounds known_;
  std::optional<Bounds> expiry_;
  std::optional<TimePoint> only_;
  std::optional<Bounds> first_;  ///< of the first timeout that fits
  Bounds all_{};                 ///< from the earliest to the latest that fits
  bool only_fits_ = false;
  bool too_early_ = false;  ///< a timeout would put the last packet before what is known
  bool too_late_ = false;   ///< … behind it
};

}  // namespace ctflow
