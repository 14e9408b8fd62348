// SPDX-License-Identifier: GPL-2.0-or-later
// Which flow reports and events an output takes.
#pragma once

#include "ctflow/flow.hpp"

namespace ctflow {

/// A set of kinds of flow reports and events. A Flow is of one kind: its event, whether the kernel
/// counted the connection, and whether addresses or ports are translated.
class FlowKinds {
 public:
  constexpr FlowKinds() = default;

  static constexpr FlowKinds of(FlowEvent event, bool counted, bool translated) {
    const unsigned index =
        static_cast<unsigned>(event) | (counted ? 4U : 0U) | (translated ? 8U : 0U);
    return FlowKinds(1U << index);
  }
  static constexpr FlowKinds of(const Flow& flow) {
    return of(flow.event, flow.present.counters, translated(flow));
  }

  /// Both, translated or not.
  static constexpr FlowKinds of(FlowEvent event, bool counted) {
    return of(event, counted, false) | of(event, counted, true);
  }
  /// Final and interim reports with counters.
  static constexpr FlowKinds reports() {
    return of(FlowEvent::kEnded, true) | of(FlowEvent::kReported, true);
  }
  /// Final and interim reports of connections that the kernel does not count.
  static constexpr FlowKinds uncounted_reports() {
    return of(FlowEvent::kEnded, false) | of(FlowEvent::kReported, false);
  }
  // What a source does not send by default.

  /// Beginnings.
  static constexpr FlowKinds beginnings() {
    return of(FlowEvent::kCreated, false) | of(FlowEvent::kCreated, true);
  }
  /// Ends with nothing left to report.
  static constexpr FlowKinds empty_ends() {
    return of(FlowEvent::kEndedBefore, false) | of(FlowEvent::kEndedBefore, true);
  }
  /// Beginnings and ends of connections with translated addresses or ports, counted or not.
  static constexpr FlowKinds nat_events() {
    return nat(FlowEvent::kCreated) | nat(FlowEvent::kEnded) | nat(FlowEvent::kEndedBefore);
  }

  /// Whether both have a kind in common.
  [[nodiscard]] constexpr bool has(FlowKinds other) const { return (bits_ & other.bits_) != 0; }

  friend constexpr FlowKinds operator|(FlowKinds one, FlowKinds other) {
    return FlowKinds(one.bits_ | other.bits_);
  }
  friend constexpr bool operator==(const FlowKinds&, const FlowKinds&) = default;

 private:
  constexpr explicit FlowKinds(unsigned bits) : bits_(bits) {}
  static constexpr FlowKinds nat(FlowEvent event) {
    return of(event, false, true) | of(event, true, true);
  }

  unsigned bits_ = 0;
};

static_assert(static_cast<unsigned>(FlowEvent::kEndedBefore) == 3, "two bits hold the event");

}  // namespace ctflow
