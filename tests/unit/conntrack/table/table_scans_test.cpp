// SPDX-License-Identifier: GPL-2.0-or-later
// How many scans follow a loss of events; what they find is tested by tests/integration.
#include "conntrack/table/table_scans.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "conntrack/reported/state_file.hpp"
#include "extras/find_extras.hpp"
#include "extras/from_bpf/from_records.hpp"
#include "support/fakes.hpp"
#include "support/longest_file.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AllEndsRead final : public UnreadEnds {
 public:
  void look(std::function<void(bool proven)> seen) override { seen(true); }
};

/// Calls the test from within a scan.
class CallingSink final : public FlowSink {
 public:
  void on_flow(Flow& /*flow*/) override {}
  void on_batch_end() override {
    if (call) call();
  }
  void on_checkpoint() override { ++checkpoints; }
  void on_source_end() override {}

  std::function<void()> call;
  int checkpoints = 0;
};

class TableScansTest : public testing::Test {
 protected:
  /// False where this kernel has no connection tracking that could be asked.
  bool start() {
    scans_.start();
    return ended(1);
  }
  /// Runs until so many scans have ended.
  bool ended(std::uint64_t scans) {
    const MonoTime latest = std::chrono::steady_clock::now() + seconds(10);
    while (scans_.status().complete < scans && std::chrono::steady_clock::now() < latest) {
      io_.run_one_for(milliseconds(100));
      if (scans_.status().incomplete > 0) return false;
    }
    return scans_.status().complete >= scans;
  }
  /// How many end within a time in which none is due but those that a loss asks for.
  std::uint64_t ended_after(seconds time) {
    io_.run_for(time);
    return scans_.status().complete;
  }

  boost::asio::io_context io_;
  CallingSink sink_;
  SourceCounters counters_;
  FlowAssembler assembler_{sink_, counters_, SourceConfig{}, system_now()};
  AllEndsRead ends_;
  std::unique_ptr<ExtrasSource> extras_ = no_extras();
  TableScans scans_{io_, assembler_, ends_, *extras_, SourceConfig{}, NetworkNamespace()};
};

TEST_F(TableScansTest, ALossIsFollowedByTwo) {
  if (!start()) GTEST_SKIP() << "the connection table cannot be read here";
  scans_.reconcile();
  scans_.reconcile();
  EXPECT_EQ(ended_after(seconds(3)), 1U + 2);
}

// What the first one met before the second loss may be gone.
TEST_F(TableScansTest, ALossDuringTheFirstOfThemIsFollowedByTwo) {
  if (!start()) GTEST_SKIP() << "the connection table cannot be read here";
  sink_.call = [this] {
    sink_.call = nullptr;
    scans_.reconcile();
  };
  scans_.reconcile();
  ASSERT_TRUE(ended(2));
  EXPECT_EQ(ended_after(seconds(3)), 1U + 1 + 2);
}

// A large table is swept little by little.
TEST_F(TableScansTest, WhatIsForgottenBeforeAStopIsCounted) {
  if (!start()) GTEST_SKIP() << "the connection table cannot be read here";
  constexpr std::uint32_t kMany = 40'000;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    Flow flow;
    flow.id = i;
    flow.original_counters = {1, 100};
    flow.present.counters = true;
    assembler_.reported.report(ConnectionIdentity(flow), flow, system_now());
  }
  ASSERT_EQ(assembler_.reported.size(), kMany);
  scans_.reconcile();
  const MonoTime latest = std::chrono::steady_clock::now() + seconds(10);
  while (assembler_.reported.size() == kMany && std::chrono::steady_clock::now() < latest) {
    io_.run_one_for(milliseconds(100));
  }
  std::vector<ConntrackTotals> totals;
  scans_.stop(false, totals);
  ASSERT_LT(assembler_.reported.size(), kMany) << "two scans did not meet them";
  ASSERT_GT(assembler_.reported.size(), 0U) << "it was under way";
  EXPECT_EQ(counters_.reconciled, kMany - assembler_.reported.size());
}

// The programs report those that they measure; what found no room in their map is for scans.
TEST(TableScansUnmeasured, AreLookedForUntilAllAreKnown) {
  SourceConfig config;
  config.active_timeout = seconds(1);
  boost::asio::io_context io;
  CallingSink sink;
  SourceCounters counters;
  FlowAssembler assembler(sink, counters, config, system_now());
  AllEndsRead ends;
  FromRecords extras(config, [] { return true; });
  TableScans scans(io, assembler, ends, extras, config, NetworkNamespace());
  scans.start();
  io.run_for(milliseconds(1800));
  if (scans.status().complete != 1)
    GTEST_SKIP() << "the connection table is not empty, or unreadable";

  counters.unmeasured = 5;
  io.run_for(milliseconds(2500));
  EXPECT_GE(scans.status().complete, 3U) << "one that is two active timeouts old was met";
  io.run_for(seconds(2));
  const std::uint64_t then = scans.status().complete;
  io.run_for(milliseconds(1500));
  EXPECT_EQ(scans.status().complete, then) << "there are none any more";
}

// Where programs report all connections nothing else would write it before the stop, and after a
// kill all would be exported again.
TEST(TableScansState, IsKeptWhereNoScanIsNeeded) {
  SourceConfig config;
  config.active_timeout = seconds(1);
  boost::asio::io_context io;
  CallingSink sink;
  SourceCounters counters;
  FlowAssembler assembler(sink, counters, config, system_now());
  AllEndsRead ends;
  FromRecords extras(config, [] { return true; });
  TableScans scans(io, assembler, ends, extras, config, NetworkNamespace());
  const std::string name = testing::TempDir() + "table_scans_state";
  std::filesystem::remove(name);
  StateFile state(name, current_identity(true));
  scans.keep_state(&state);
  scans.start();
  io.run_for(milliseconds(300));
  if (scans.status().complete == 0) GTEST_SKIP() << "the connection table cannot be read here";

  Flow flow;
  flow.present.counters = true;
  flow.original_counters = {7, 700};
  ConnectionIdentity identity;
  identity.key = ReportedMap::kFirstKey + 1;
  ASSERT_TRUE(assembler.reported.adopt(identity, flow, {system_now(), system_now()}));
  io.run_for(seconds(1));
  std::uint64_t packets = 0;
  state.load([&](const ReportedConnection& one) { packets += one.original_counters.packets; });
  EXPECT_EQ(packets, 7U);
  std::filesystem::remove(name);
}

// After some checkpoints without a state accounting would not know any more what it had counted.
TEST_F(TableScansTest, AStateThatCannotBeWrittenIsNoCheckpoint) {
  const test::TemporaryDirectory directory;
  StateFile state(directory.path("state"), current_identity(false));
  scans_.keep_state(&state);
  {
    const test::LongestFile limit(10);
    scans_.save_state();
  }
  EXPECT_EQ(sink_.checkpoints, 0);
  scans_.save_state();
  EXPECT_EQ(sink_.checkpoints, 1);
  EXPECT_TRUE(state.load([](const ReportedConnection&) {}));
}

}  // namespace
}  // namespace ctflow
