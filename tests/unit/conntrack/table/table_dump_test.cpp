// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/table_dump.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>

namespace ctflow {
namespace {

using std::chrono::milliseconds;

/// A pass is read by the kernel's leave (CAP_NET_ADMIN); its beginning and its end need none.
class TableDumpTest : public testing::Test, public DumpConsumer {
 protected:
  void on_entry(Bytes /*message*/, const Written& /*written*/) override { ++entries_; }
  void on_part_requested() override { ++parts_; }
  void on_pass_end(bool /*complete*/) override {
    ++ends_;
    if (at_end_) at_end_();
  }

  /// False where this kernel has no connection tracking that could be asked.
  bool start() {
    dump_->start(*this, 1, milliseconds(0));
    return dump_->running();
  }

  boost::asio::io_context io_;
  Timer other_{io_};
  std::optional<TableDump> dump_{std::in_place, io_};
  std::function<void()> at_end_;
  int entries_ = 0;
  int parts_ = 0;
  int ends_ = 0;
};

TEST_F(TableDumpTest, ReadsNothingOnceCancelledThoughItsTurnWasQueued) {
  other_.at(Timer::Clock::now() - milliseconds(1), [this] { dump_->cancel(); });
  if (!start()) GTEST_SKIP() << "no netfilter netlink here";
  io_.run();
  EXPECT_FALSE(dump_->running());
  EXPECT_EQ(parts_, 1);  // as it was asked for
  EXPECT_EQ(ends_, 0);
}

TEST_F(TableDumpTest, ReadsNothingOnceDestroyedThoughItsTurnWasQueued) {
  other_.at(Timer::Clock::now() - milliseconds(1), [this] { dump_.reset(); });
  if (!start()) GTEST_SKIP() << "no netfilter netlink here";
  io_.run();
  EXPECT_EQ(ends_, 0);
}

TEST_F(TableDumpTest, ReadsAPassThatTookThePlaceOfAQueuedOne) {
  other_.at(Timer::Clock::now() - milliseconds(1), [this] {
    dump_->cancel();
    dump_->start(*this, 1, milliseconds(0));
  });
  if (!start()) GTEST_SKIP() << "no netfilter netlink here";
  io_.run();
  EXPECT_EQ(ends_, 1);
}

TEST_F(TableDumpTest, MayBeDestroyedWhenAPassEnds) {
  at_end_ = [this] { dump_.reset(); };
  if (!start()) GTEST_SKIP() << "no netfilter netlink here";
  io_.run();
  EXPECT_EQ(ends_, 1);
}

/// netlink_dump(): parts are as large as one page of memory less what a socket buffer needs, or as
/// what is read at once.
TEST(TableDump, APartThatIsNearlyFullMayHaveBeenCut) {
  EXPECT_FALSE(TableDump::may_be_cut(0));
  EXPECT_FALSE(TableDump::may_be_cut(2500)) << "any entry would have fitted into the rest";
  EXPECT_TRUE(TableDump::may_be_cut(3776 - 320));
  EXPECT_TRUE(TableDump::may_be_cut(3776));
  EXPECT_FALSE(TableDump::may_be_cut(20'000));
  EXPECT_TRUE(TableDump::may_be_cut(32'768 - 320 - 400));
  EXPECT_TRUE(TableDump::may_be_cut(32'768));
}

}  // namespace
}  // namespace ctflow
