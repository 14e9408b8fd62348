// SPDX-License-Identifier: GPL-2.0-or-later
// Accounting in a process that is killed while it counts.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "accounting/accounting.hpp"
#include "daemon/retired_outputs.hpp"
#include "process/descriptor.hpp"
#include "support/accounting_flows.hpp"
#include "support/fork_alone.hpp"
#include "support/seed.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kConnections = 3;
constexpr std::uint64_t kLife = 1'000'000;  // more reports than come in one
constexpr std::uint64_t kOctets = 100;      // of a packet

/// From now on any system call but the last one ends the process.
bool allow_no_system_call() {
  std::array<sock_filter, 4> filter{{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_exit_group},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
  }};
  const sock_fprog program{filter.size(), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

class AccountingKillTest : public testing::Test {
 protected:
  AccountingKillTest() {
    setenv("RUNTIME_DIRECTORY", "/nonexistent", 1);
    config_.database = directory_.path("accounting.sqlite");
    config_.aggregates.emplace_back().name = "hosts";
    config_.aggregates.back().by = {AccountingKey::kHost};
    make()->stop();  // makes the database
  }
  ~AccountingKillTest() override { unsetenv("RUNTIME_DIRECTORY"); }
  AccountingKillTest(const AccountingKillTest&) = delete;
  AccountingKillTest& operator=(const AccountingKillTest&) = delete;
  AccountingKillTest(AccountingKillTest&&) = delete;
  AccountingKillTest& operator=(AccountingKillTest&&) = delete;

  std::unique_ptr<Accounting> make() {
    return std::make_unique<Accounting>(
        config_, [] { return test::sample_surroundings(); }, std::make_shared<OutputContext>());
  }

  /// What was counted of a connection between `from` and `to` packets.
  void report(Accounting& accounting, std::uint16_t port, std::uint64_t from, std::uint64_t to,
              FlowEvent event = FlowEvent::kReported) const {
    Flow flow = test::report_between("10.0.0.5", "198.51.100.1", port);
    flow.event = event;
    flow.earlier.start = flow.start = now_.wall - 5s;
    flow.earlier.original_counters = {from, from * kOctets};
    flow.earlier.reply_counters = {2 * from, 2 * from * kOctets};
    flow.original_counters = {to - from, (to - from) * kOctets};
    flow.reply_counters = {2 * (to - from), 2 * (to - from) * kOctets};
    flow.end = now_.wall + std::chrono::nanoseconds(to);
    accounting.offer(flow, now_);
  }

  /// Reports connections that the state file has nothing of, until it is killed.
  [[noreturn]] void live(std::uint64_t number, int ready) {
    const auto accounting = make();
    std::uint64_t before = 0;
    for (std::uint64_t to = number * kLife + 1;; ++to) {
      for (std::uint16_t port = 0; port < kConnections; ++port) {
        report(*accounting, port, before, to);
      }
      if (before == 0 && write(ready, "", 1) != 1) std::abort();
      before = to;
    }
  }

  void kill_after(std::uint64_t number, std::chrono::microseconds time) {
    std::array<int, 2> ready{};
    ASSERT_EQ(pipe(ready.data()), 0);
    const pid_t child = test::fork_alone();
    if (child == 0) live(number, ready[1]);
    close(ready[1]);
    char octet = 0;
    ASSERT_EQ(read(ready[0], &octet, 1), 1) << "it has begun";
    close(ready[0]);
    std::this_thread::sleep_for(time);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  }

  /// A process that does this, and is killed then.
  template <typename Work>
  static void kill_behind(Work work) {
    const pid_t child = test::fork_alone();
    if (child == 0) {
      work();
      raise(SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  }

  /// What the next process has in its database where the connection, of which the state file has
  /// the first `stored` packets, ends with so many.
  std::int64_t packets_after(std::uint64_t stored, std::uint64_t to) {
    const auto after = make();
    report(*after, 443, stored, to, FlowEvent::kEnded);
    after->stop();
    return in_database("up_packets");
  }

  [[nodiscard]] std::int64_t in_database(const std::string& column) const {
    return test::number_in(config_.database,
                           "SELECT sum(" + column + ") FROM usage WHERE level = 3");
  }

  /// Those that are for the case of a kill.
  [[nodiscard]] std::vector<Descriptor> open_files() const {
    std::vector<Descriptor> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.name())) {
      const std::string name = entry.path().string();
      if (name.find("-session-") == std::string::npos &&
          name.find("-counted-0") == std::string::npos) {
        continue;
      }
      files.emplace_back(open(name.c_str(), O_RDONLY | O_CLOEXEC));
    }
    return files;
  }

  static std::string beginnings_of(const std::vector<Descriptor>& files) {
    std::string all;
    for (const Descriptor& file : files) {
      std::array<char, 512> some{};
      EXPECT_GT(pread(file.number(), some.data(), some.size(), 0), 0);
      all.append(some.data(), some.size());
    }
    return all;
  }

  /// What the next process would have counted of the connection, where it ends with so many.
  /// `reloaded`: before it began.
  std::int64_t packets_after_a_kill(std::uint64_t to, bool reloaded) {
    const test::TemporaryDirectory left;
    std::filesystem::copy(directory_.name(), left.name());
    AccountingConfig config = config_;
    config.database = left.path("accounting.sqlite");
    const auto make_there = [&] {
      return std::make_unique<Accounting>(
          config, [] { return test::sample_surroundings(); }, std::make_shared<OutputContext>());
    };
    auto after = make_there();
    if (reloaded) std::exchange(after, make_there())->stop();
    report(*after, 443, 0, to, FlowEvent::kEnded);
    after->stop();
    return test::number_in(config.database, "SELECT sum(up_packets) FROM usage WHERE level = 3");
  }

  test::TemporaryDirectory directory_;
  AccountingConfig config_;
  const Instant now_ = system_now();
};

TEST_F(AccountingKillTest, LosesNothingAndCountsNothingTwiceWheneverItIsKilled) {
  constexpr std::uint64_t kLives = 60;
  const unsigned seed = test::any_seed();
  SCOPED_TRACE("CTFLOWD_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> microseconds(0, 3000);
  for (std::uint64_t i = 0; i < kLives; ++i) {
    kill_after(i, std::chrono::microseconds(microseconds(random)));
  }
  const auto after = make();
  for (std::uint16_t port = 0; port < kConnections; ++port) {
    report(*after, port, 0, kLives * kLife, FlowEvent::kEnded);
  }
  after->stop();
  constexpr std::int64_t kPackets = kConnections * kLives * kLife;
  EXPECT_EQ(in_database("up_packets"), kPackets);
  EXPECT_EQ(in_database("down_packets"), 2 * kPackets);
  EXPECT_EQ(in_database("up_octets"), kPackets * kOctets);
  EXPECT_EQ(in_database("down_octets"), 2 * kPackets * kOctets);
  EXPECT_EQ(test::number_in(config_.database,
                            "SELECT count(*) FROM usage JOIN key ON key.id = "
                            "usage.key WHERE level = 3 AND kind = 2"),
            1)
      << "uncounted";
}

TEST_F(AccountingKillTest, CountsNothingTwiceAfterReloadsWhileReportsAreCounted) {
  kill_behind([this] {
    boost::asio::io_context io;
    RetiredOutputs retired(io);
    auto accounting = make();
    for (std::uint64_t life = 0; life < 12; ++life) {
      if (life % 3 == 0) report(*accounting, 443, life, life + 3);
      auto next = make();
      retired.add(std::exchange(accounting, std::move(next)));
    }
    accounting->tick();
  });
  EXPECT_EQ(packets_after(0, 20), 20);
}

/// A name that is looked up keeps a reload from taking over, and table passes go on.
TEST_F(AccountingKillTest, CountsNothingTwiceAfterAReloadThatHadToWait) {
  kill_behind([this] {
    boost::asio::io_context io;
    RetiredOutputs retired(io);
    auto accounting = make();
    report(*accounting, 443, 0, 10);
    auto next = make();
    auto given_up = make();  // another reload came before this one took over
    report(*accounting, 443, 10, 20);
    for (int i = 0; i < 4; ++i) accounting->checkpoint();
    report(*accounting, 443, 20, 30);
    given_up.reset();
    retired.add(std::exchange(accounting, std::move(next)));
    report(*accounting, 444, 0, 7);
    accounting->checkpoint();  // and the state file was not stored any more
  });
  {
    const auto after = make();
    report(*after, 444, 0, 8, FlowEvent::kEnded);
    after->stop();
  }
  EXPECT_EQ(packets_after(20, 40), 8 + 40);
}

TEST_F(AccountingKillTest, CountsNothingTwiceWhereAccountingWasRemovedAndPutBack) {
  kill_behind([this] {
    boost::asio::io_context io;
    RetiredOutputs retired(io);
    for (std::uint64_t life = 0; life < 8; ++life) {
      auto accounting = make();
      if (life < 3) report(*accounting, 443, 10 * life, 10 * life + 8);  // and two without it
      retired.add(std::move(accounting));
    }
    make()->tick();
  });
  EXPECT_EQ(packets_after(0, 60), 3 * 8 + 60 - 28);
}

TEST_F(AccountingKillTest, HasOnlyWhatWasNotWrittenWhereTheDatabaseWasMovedAway) {
  kill_behind([this] {
    const auto accounting = make();
    report(*accounting, 443, 0, 10);
    accounting->tick();  // written at once
    for (int i = 0; i < 500 && accounting->status(system_now()).counters.flows == 0; ++i) {
      std::this_thread::sleep_for(10ms);
      accounting->tick();
    }
    report(*accounting, 443, 10, 17);
    raise(SIGKILL);  // while its database is open
  });
  const std::string away = directory_.path("away");
  for (const std::string suffix : {"", "-wal", "-shm"}) {
    std::filesystem::rename(config_.database + suffix, away + suffix);
  }
  EXPECT_EQ(packets_after(0, 20), 7 + 3);
  EXPECT_EQ(test::number_in(away, "SELECT sum(up_packets) FROM usage WHERE level = 3"), 10);
}

/// What a kill at each instruction of a report would leave.
TEST_F(AccountingKillTest, LosesNothingAndCountsNothingTwiceAtAnyInstruction) {
  const pid_t child = test::fork_alone();
  if (child == 0) {
    const auto accounting = make();
    report(*accounting, 443, 0, 10);
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    report(*accounting, 443, 10, 30);
    raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const auto files = open_files();
  ASSERT_EQ(files.size(), 2U);
  std::set<std::string> states;
  while (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0) {
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) break;
    if (!states.insert(beginnings_of(files)).second) continue;
    for (const bool reloaded : {false, true}) {
      EXPECT_EQ(packets_after_a_kill(100, reloaded), 100) << "at state " << states.size();
    }
  }
  EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP) << "it came to the end";
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  EXPECT_GT(states.size(), 10U);
}

TEST_F(AccountingKillTest, CountsAndNotesReportsWithoutSystemCalls) {
  const pid_t child = test::fork_alone();
  if (child == 0) {
    const auto accounting = make();
    std::uint64_t packets = 0;
    for (; packets < 20; ++packets) report(*accounting, 443, packets, packets + 1);
    if (!allow_no_system_call()) _exit(1);
    for (; packets < 1000; ++packets) report(*accounting, 443, packets, packets + 1);
    syscall(SYS_exit_group, 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace ctflow
