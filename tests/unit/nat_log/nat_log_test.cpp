// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/nat_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "nat_log/audit.hpp"
#include "process/descriptor.hpp"
#include "support/logged_lines.hpp"
#include "support/nat_log_flows.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;
using test::source_nat;

const Flow kFlow = source_nat(1, "10.0.0.5:5000", "198.51.100.1:443", "203.0.113.7:40213");

class NatLogTest : public testing::Test {
 protected:
  NatLogTest() {
    config.directory = directory.name();
    config.retention = std::chrono::days(1);
    config.commit_interval = 100ms;
    config.queue = 1024;
    context->answer_losses([this] { return losses; });
  }

  /// Runs the log until `condition` holds, ten seconds at most.
  template <typename Condition>
  void run_until(NatLog& log, Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(10ms);
      log.tick();
    }
    EXPECT_TRUE(condition());
  }

  static void offer(NatLog& log, const Flow& flow, FlowEvent event) {
    Flow offered = flow;
    offered.event = event;
    offered.event_time = system_now().wall;
    log.offer(offered, system_now());
  }

  std::unique_ptr<NatLog> make() {
    return std::make_unique<NatLog>(
        config, [](const auto&) { return std::error_code(); }, context);
  }

  test::TemporaryDirectory directory;
  NatLogConfig config;
  UpstreamLosses losses;
  std::shared_ptr<OutputContext> context = std::make_shared<OutputContext>();
};

TEST_F(NatLogTest, WantsBeginningsAndEndsOfTranslatedConnections) {
  const auto log = make();
  EXPECT_EQ(log->wants(), FlowKinds::nat_events());
}

TEST_F(NatLogTest, WhatIsCommittedIsSent) {
  const auto log = make();
  log->tick();
  offer(*log, kFlow, FlowEvent::kCreated);
  EXPECT_EQ(log->status(system_now()).counters.waiting.flows, 1U);
  run_until(*log, [&] { return log->status(system_now()).counters.flows == 1; });
  EXPECT_EQ(std::get<NatLogStatus>(log->status(system_now()).details).open, 1U);
  offer(*log, kFlow, FlowEvent::kEnded);
  log->stop();
  const OutputStatus status = log->status(system_now());
  EXPECT_EQ(status.counters.offered, 2U);
  EXPECT_EQ(status.counters.flows, 2U);
  EXPECT_EQ(status.counters.waiting.flows, 0U);
  EXPECT_EQ(status.counters.lost(), 0U);
}

TEST_F(NatLogTest, WhatFindsNoRoomIsLostAndAHole) {
  const auto log = make();  // no tick: the thread does not run yet
  for (int i = 0; i < 1100; ++i) {
    Flow flow = kFlow;
    flow.id = static_cast<std::uint32_t>(i);
    offer(*log, flow, FlowEvent::kCreated);
  }
  EXPECT_EQ(log->status(system_now()).counters.lost_spool_full.flows, 77U);
  run_until(*log,
            [&] { return std::get<NatLogStatus>(log->status(system_now()).details).holes >= 2; });
  log->stop();
  const OutputStatus status = log->status(system_now());
  EXPECT_EQ(status.counters.offered, status.counters.flows + status.counters.lost());
  nat::Question question;
  question.who = test::endpoint("203.0.113.7:1");
  question.at = nat::moment_of(system_now().wall) - 1s;
  question.tolerance = 5s;
  question.now = question.at + 1s;
  const nat::Answer answer = nat::look_up(directory.name(), question);
  EXPECT_EQ(answer.verdict, nat::Verdict::kCannotSay);
  EXPECT_THAT(answer.holes,
              testing::Contains(testing::AllOf(testing::Field(&nat::Hole::reason, "queue_full"),
                                               testing::Field(&nat::Hole::connections, 77))));
}

TEST_F(NatLogTest, EventsThatDidNotComeAreAHole) {
  const auto log = make();
  log->tick();
  run_until(*log,
            [&] { return std::get<NatLogStatus>(log->status(system_now()).details).holes == 1; });
  ++losses.missed_events;
  run_until(*log,
            [&] { return std::get<NatLogStatus>(log->status(system_now()).details).holes == 2; });
  log->stop();
}

TEST_F(NatLogTest, EventsThatAreOffAreAHoleUntilTheyAreOn) {
  std::atomic<bool> off{false};
  context->answer_events_off([&off] { return off.load(); });
  const auto log = make();
  const auto holes = [&] {
    return std::get<NatLogStatus>(log->status(system_now()).details).holes;
  };
  log->tick();
  run_until(*log, [&] { return holes() == 1; });
  off = true;
  run_until(*log, [&] { return holes() == 2; });
  const auto later = std::chrono::steady_clock::now() + 1500ms;
  run_until(*log, [&] { return std::chrono::steady_clock::now() > later; });
  EXPECT_EQ(holes(), 2U);
  nat::Question question;
  question.who = test::endpoint("203.0.113.7:1");
  question.at = nat::moment_of(system_now().wall) - 1s;
  question.tolerance = 100ms;
  question.now = question.at + 1s;
  EXPECT_THAT(
      nat::look_up(directory.name(), question).holes,
      testing::ElementsAre(testing::AllOf(testing::Field(&nat::Hole::reason, "events_off"),
                                          testing::Field(&nat::Hole::ended, std::nullopt))));
  off = false;
  run_until(*log, [&] {
    question.now = nat::moment_of(system_now().wall);
    return nat::look_up(directory.name(), question).holes.at(0).ended.has_value();
  });
  log->stop();
  EXPECT_EQ(log->status(system_now()).counters.flows, 0U) << "these are no beginnings or ends";
}

TEST_F(NatLogTest, TheTableIsReadAgainWhenAConnectionVanished) {
  std::atomic<int> readings{0};
  NatLog log(
      config,
      [&readings](const auto&) {
        ++readings;
        return std::error_code();
      },
      context);
  log.tick();
  run_until(log, [&] { return readings == 1; });
  ++losses.reconciled;
  const auto limit = std::chrono::steady_clock::now() + 12s;  // ten seconds after the first
  while (readings < 2 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(50ms);
    log.tick();
  }
  EXPECT_EQ(readings, 2);
  log.stop();
}

TEST_F(NatLogTest, EventsThatDidNotComeAreAHoleAlthoughTheQueueWasFull) {
  std::atomic<bool> reading{false};
  std::promise<void> disk;
  const std::shared_future<void> fast_again = disk.get_future().share();
  NatLog log(
      config,
      [&reading, fast_again](const auto&) {
        reading = true;
        fast_again.wait();
        return std::error_code();
      },
      context);
  log.tick();
  run_until(log, [&] { return reading.load(); });
  for (std::uint32_t i = 0; i < 1100; ++i) {
    Flow flow = kFlow;
    flow.id = i;
    offer(log, flow, FlowEvent::kCreated);
  }
  ++losses.missed_events;
  const auto looked = std::chrono::steady_clock::now() + 600ms;  // more than one look
  run_until(log, [&] { return std::chrono::steady_clock::now() > looked; });
  disk.set_value();
  // That of the start, the full queue at once and with its number, and the events.
  run_until(log,
            [&] { return std::get<NatLogStatus>(log.status(system_now()).details).holes >= 4; });
  log.stop();
  nat::Question question;
  question.who = test::endpoint("203.0.113.7:1");
  question.at = nat::moment_of(system_now().wall) - 1s;
  question.tolerance = 5s;
  question.now = question.at + 1s;
  EXPECT_THAT(nat::look_up(directory.name(), question).holes,
              testing::Contains(testing::Field(&nat::Hole::reason, "events_lost")));
}

/// The log with a clock that stands still but when it is set.
class NatLogStallTest : public NatLogTest {
 protected:
  void tick_at(std::chrono::milliseconds age) {
    now_ = age;
    log_->tick();
    // The hole of the start goes on until the thread has read the table, by this clock.
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (std::get<NatLogStatus>(log_->status(system_now()).details).holes == 0 &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(1ms);
    }
  }

  /// The reasons and begins of the holes at that age.
  std::vector<std::pair<std::string, std::chrono::milliseconds>> holes_at(
      std::chrono::milliseconds age) {
    log_->stop();
    nat::Question question;
    question.who = test::endpoint("203.0.113.7:1");
    question.at = nat::moment_of(kMidday + age);
    question.tolerance = 100ms;
    question.now = nat::moment_of(kMidday + 60s);
    std::vector<std::pair<std::string, std::chrono::milliseconds>> found;
    for (const nat::Hole& hole : nat::look_up(directory.name(), question).holes) {
      found.emplace_back(hole.reason, hole.began - nat::moment_of(kMidday));
    }
    return found;
  }

 private:
  static constexpr TimePoint kMidday{std::chrono::hours(24 * 20000 + 12)};
  std::atomic<std::chrono::milliseconds> now_{10s};  // read by the thread that writes, too
  std::unique_ptr<NatLog> log_ = std::make_unique<NatLog>(
      config, [](const auto&) { return std::error_code(); }, context,
      [this] {
        const std::chrono::milliseconds age = now_;
        return Instant{kMidday + age, MonoTime(1000s + age)};
      });
};

TEST_F(NatLogStallTest, AHoleBeginsBeforeTheStallAlthoughATickCameBeforeTheLosses) {
  tick_at(10000ms);
  tick_at(10250ms);
  tick_at(10500ms);
  tick_at(11400ms);  // stalled, but not for long; what was lost meanwhile is not read yet
  ++losses.missed_events;
  tick_at(11650ms);
  EXPECT_THAT(holes_at(11s), testing::ElementsAre(testing::Pair("events_lost", 10500ms)));
}

TEST_F(NatLogStallTest, EventsThatAreReadLateAreAHole) {
  tick_at(10s);
  tick_at(10250ms);
  tick_at(20s);
  tick_at(20250ms);
  EXPECT_THAT(holes_at(15s), testing::ElementsAre(testing::Pair("events_late", 10s)));
}

TEST_F(NatLogTest, ADirectoryThatCannotBeMadeIsAFailureUntilItCan) {
  config.directory = directory.path("file");
  std::ofstream(config.directory) << "x";
  const auto log = make();
  log->tick();
  offer(*log, kFlow, FlowEvent::kCreated);
  run_until(*log, [&] {
    const OutputStatus status = log->status(system_now());
    return !status.connected && status.last_failure.kind == FailureKind::kNoAccess;
  });
  std::filesystem::remove(config.directory);
  run_until(*log, [&] { return log->status(system_now()).connected; });
  log->stop();
  EXPECT_EQ(log->status(system_now()).counters.flows, 1U);
}

TEST_F(NatLogTest, ADamagedFileIsAFailureUntilItIsMovedAway) {
  const std::string file =
      directory.path(nat::file_name(nat::day_of(nat::moment_of(system_now().wall))));
  std::ofstream(file) << std::string(4096, 'x');
  const test::LoggedLines lines;
  const auto log = make();
  log->tick();
  offer(*log, kFlow, FlowEvent::kCreated);
  run_until(*log,
            [&] { return log->status(system_now()).last_failure.kind == FailureKind::kDamaged; });
  EXPECT_EQ(lines.count("move the file of that day away"), 1U);
  EXPECT_EQ(lines.count("make room"), 0U);
  std::filesystem::rename(file, directory.path("damaged"));
  run_until(*log, [&] { return log->status(system_now()).connected; });
  log->stop();
  EXPECT_EQ(log->status(system_now()).counters.flows, 1U);
}

TEST_F(NatLogTest, AdvisesAtTheStopWhatEndsTheFailure) {
  std::ofstream(directory.path(nat::file_name(nat::day_of(nat::moment_of(system_now().wall)))))
      << std::string(4096, 'x');
  const test::LoggedLines lines;
  const auto log = make();
  log->tick();
  offer(*log, kFlow, FlowEvent::kCreated);
  log->stop();                                        // before the failure was looked for
  EXPECT_EQ(lines.count("nat_log_not_written"), 2U);  // the line, and where that refers to it
  EXPECT_EQ(lines.count("move the file of that day away"), 1U);
  EXPECT_EQ(lines.count("what nat_log_not_written says"), 1U);
}

TEST_F(NatLogTest, WhatCannotBeWrittenUntilTheStopIsLost) {
  config.directory = directory.path("file");
  std::ofstream(config.directory) << "x";
  const auto log = make();
  log->tick();
  offer(*log, kFlow, FlowEvent::kCreated);
  log->stop();
  EXPECT_EQ(log->status(system_now()).counters.lost_stopped.flows, 1U);
  EXPECT_EQ(log->status(system_now()).counters.waiting.flows, 0U);
}

TEST_F(NatLogTest, EachNetworkNamespaceHasADirectory) {
  config.network_namespace = "red";
  const auto log = make();
  EXPECT_EQ(log->name(), "nat_log@red");
  log->tick();
  run_until(*log,
            [&] { return std::get<NatLogStatus>(log->status(system_now()).details).holes == 1; });
  log->stop();
  EXPECT_THAT(nat::list_days(directory.path("red")), testing::SizeIs(1));
}

TEST(RecordUse, SaysWhoAndWhatToTheSystemLog) {
  const test::TemporaryDirectory directory;
  const std::string name = directory.path("log");
  EXPECT_FALSE(nat::record_use("nat_log_look_up address=x", name.c_str()));
  const Descriptor log(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(log.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  setenv("SUDO_USER", "an na", 1);
  EXPECT_TRUE(nat::record_use("nat_log_look_up address=203.0.113.7:1", name.c_str()));
  unsetenv("SUDO_USER");
  std::array<char, 512> line{};
  const ssize_t size = recv(log.number(), line.data(), line.size(), 0);
  ASSERT_GT(size, 0);
  EXPECT_THAT(std::string(line.data(), static_cast<std::size_t>(size)),
              testing::MatchesRegex("<85>ctflowd\\[[0-9]+\\]: nat_log_look_up "
                                    "address=203.0.113.7:1 uid=[0-9]+ sudo_user=\"an na\""));
}

}  // namespace
}  // namespace ctflow
