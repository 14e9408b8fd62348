// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/table_dump.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>

#include "support/fork_alone.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;

/// A scan is read by the kernel's leave (CAP_NET_ADMIN); its beginning and its end need none.
class TableDumpTest : public testing::Test, public DumpConsumer {
 protected:
  void on_entry(Bytes /*message*/, const Written& /*written*/) override { ++entries_; }
  void on_part_requested() override { ++parts_; }
  void on_dump_end(bool /*complete*/) override {
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
  other_.at(std::chrono::steady_clock::now() - milliseconds(1), [this] { dump_->cancel(); });
  if (!start()) GTEST_SKIP() << "no netfilter netlink here";
  io_.run();
  EXPECT_FALSE(dump_->running());
  EXPECT_EQ(parts_, 1);  // as it was asked for
  EXPECT_EQ(ends_, 0);
}

TEST_F(TableDumpTest, ReadsNothingOnceDestroyedThoughItsTurnWasQueued) {
  other_.at(std::chrono::steady_clock::now() - milliseconds(1), [this] { dump_.reset(); });
  if (!start()) GTEST_SKIP() << "no netfilter netlink here";
  io_.run();
  EXPECT_EQ(ends_, 0);
}

TEST_F(TableDumpTest, ReadsAPassThatTookThePlaceOfAQueuedOne) {
  other_.at(std::chrono::steady_clock::now() - milliseconds(1), [this] {
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

/// netlink_dump(): parts are as large as one page of memory, at most 8 KiB, less what a socket
/// buffer needs, or as what is read at once.
TEST(TableDump, APartThatIsNearlyFullMayHaveBeenCut) {
  constexpr std::size_t kPage = 4096;
  EXPECT_FALSE(TableDump::may_be_cut(0, kPage));
  EXPECT_FALSE(TableDump::may_be_cut(2500, kPage)) << "any entry would have fitted into the rest";
  EXPECT_TRUE(TableDump::may_be_cut(3776 - 320, kPage));
  EXPECT_TRUE(TableDump::may_be_cut(3776, kPage));
  EXPECT_FALSE(TableDump::may_be_cut(7000, kPage));
  EXPECT_FALSE(TableDump::may_be_cut(20'000, kPage));
  EXPECT_TRUE(TableDump::may_be_cut(32'768 - 320 - 400, kPage));
  EXPECT_TRUE(TableDump::may_be_cut(32'768, kPage));
  constexpr std::size_t kLargePage = 65'536;
  EXPECT_FALSE(TableDump::may_be_cut(3776, kLargePage));
  EXPECT_TRUE(TableDump::may_be_cut(7872 - 320, kLargePage));
  EXPECT_TRUE(TableDump::may_be_cut(7872, kLargePage));
  EXPECT_TRUE(TableDump::may_be_cut(32'768, kLargePage));
}

/// Notes in which namespace it is called.
class WhereaboutsConsumer : public DumpConsumer {
 public:
  void on_entry(Bytes /*message*/, const Written& /*written*/) override { note(); }
  void on_part_requested() override {
    ++parts;
    note();
  }
  void on_dump_end(bool complete) override {
    complete_pass = complete;
    note();
  }

  static ino_t here() {
    struct stat state {};
    return stat("/proc/thread-self/ns/net", &state) == 0 ? state.st_ino : 0;
  }

  ino_t home = here();
  int parts = 0;
  bool complete_pass = false;
  bool away = false;

 private:
  void note() { away = away || here() != home; }
};

/// What a consumer opens, as a socket of an exporter, belongs to ctflowd's own namespace.
TEST(TableDump, ReadsAnotherNamespaceWithoutBeingThere) {
  const pid_t child = test::fork_alone();
  if (child == 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) _exit(77);
    const int file = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (unshare(CLONE_NEWNET) != 0) _exit(77);
    const NetworkNamespace there("/proc/self/fd/" + std::to_string(file));
    boost::asio::io_context io;
    TableDump dump(io, TableDump::What::kConnections, there);
    WhereaboutsConsumer consumer;
    dump.run(consumer);
    if (consumer.parts == 0) _exit(77);  // no connection tracking in this kernel
    _exit(!consumer.away && consumer.complete_pass ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no user namespaces or no netfilter netlink here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ctflow
