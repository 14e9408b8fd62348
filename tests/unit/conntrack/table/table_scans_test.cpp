// SPDX-License-Identifier: GPL-2.0-or-later
// How many scans follow a loss of events; what they find is tested by tests/integration.
#include "conntrack/table/table_scans.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>

#include "extras/find_extras.hpp"
#include "support/fakes.hpp"

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
  void on_checkpoint() override {}
  void on_source_end() override {}

  std::function<void()> call;
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

}  // namespace
}  // namespace ctflow
