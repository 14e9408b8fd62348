// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctflow/flow_kinds.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

constexpr FlowEvent kEvents[] = {FlowEvent::kEnded, FlowEvent::kReported, FlowEvent::kCreated,
                                 FlowEvent::kEndedBefore};

/// Calls `check(event, counted, translated, kind)` with every kind.
template <typename Check>
void for_all_kinds(Check check) {
  for (const FlowEvent event : kEvents) {
    for (const bool counted : {false, true}) {
      for (const bool nat : {false, true}) {
        Flow flow;
        flow.event = event;
        flow.present.counters = counted;
        if (nat) flow.status = status::kDestinationNat;
        check(event, counted, nat, FlowKinds::of(flow));
      }
    }
  }
}

TEST(FlowKinds, TellEachKindFromAllOthers) {
  FlowKinds seen;
  int kinds = 0;
  for_all_kinds([&](FlowEvent, bool, bool, FlowKinds kind) {
    EXPECT_FALSE(seen.has(kind));
    seen = seen | kind;
    ++kinds;
  });
  EXPECT_EQ(kinds, 16);
}

TEST(FlowKinds, NameWhatOutputsWant) {
  for_all_kinds([](FlowEvent event, bool counted, bool nat, FlowKinds kind) {
    const bool report = event == FlowEvent::kEnded || event == FlowEvent::kReported;
    EXPECT_EQ(FlowKinds::reports().has(kind), report && counted);
    EXPECT_EQ(FlowKinds::uncounted_reports().has(kind), report && !counted);
    EXPECT_EQ((FlowKinds::beginnings() | FlowKinds::empty_ends()).has(kind), !report);
    EXPECT_EQ(FlowKinds::nat_events().has(kind), nat && event != FlowEvent::kReported);
  });
}

TEST(FlowKinds, HaveNothingAtFirst) {
  EXPECT_FALSE(FlowKinds().has(FlowKinds::reports()));
  EXPECT_EQ(FlowKinds() | FlowKinds::reports(), FlowKinds::reports());
}

}  // namespace
}  // namespace ctflow
