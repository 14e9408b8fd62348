// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/fakes.hpp"
#include "support/faulty_files.hpp"
#include "support/kept_messages.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using test::tag_of;

class SpoolTest : public testing::Test {
 protected:
  Spool make() { return make(*ledger_); }
  Spool make(ExportLedger& ledger) { return {"one", config_, ledger, clock_.clock(), files_}; }

  void use_disk() { config_.directory = directory_.name(); }

  /// Adds messages of one flow with these tags; the ledger is checked after each.
  void add(Spool& spool, const std::vector<int>& tags, std::size_t size = 100) {
    for (const int tag : tags) {
      CountedMessage message =
          test::counted_message(sequence_++, 1, static_cast<std::uint8_t>(tag), size);
      ++offered_;
      spool.add(std::move(message.bytes), message.content, origin_);
      check_ledger();
    }
  }

  /// Takes and delivers all that waits.
  std::vector<int> deliver(Spool& spool) {
    std::vector<int> tags;
    while (const auto message = spool.next()) {
      tags.push_back(tag_of(message->bytes));
      spool.handed_over(*message);
      spool.sent(*message);
      check_ledger();
    }
    return tags;
  }

  [[nodiscard]] const ExporterCounters& counters() const { return ledger_->counters(); }

  void check_ledger() const {
    EXPECT_EQ(offered_ + counters().recovered.flows,
              counters().flows + counters().waiting.flows + counters().lost());
    EXPECT_EQ(10 * (offered_ + counters().recovered.flows),
              counters().octets + counters().waiting.octets + 10 * counters().lost());
  }

  test::FaultyFiles files_;
  test::TemporaryDirectory directory_;
  SpoolConfig config_;
  test::FakeClock clock_;
  std::optional<ExportLedger> ledger_{std::in_place};
  std::shared_ptr<const Origin> origin_ = test::sample_origin();
  std::uint32_t sequence_ = 0;
  std::uint64_t offered_ = 0;

  /// The ledger of the next process.
  void begin_again() {
    ledger_.emplace();
    offered_ = 0;
  }
};

TEST_F(SpoolTest, KeepsTheOrderInMemory) {
  Spool spool = make();
  add(spool, {1, 2, 3});
  EXPECT_EQ(counters().waiting.flows, 3U);
  EXPECT_EQ(deliver(spool), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(counters().waiting.flows, 0U);
  EXPECT_EQ(counters().flows, 3U);
}

TEST_F(SpoolTest, GivesReturnedMessagesFirstAndCountsThemAsResent) {
  Spool spool = make();
  add(spool, {1, 2, 3, 4});
  std::deque<KeptMessage> flying;
  for (int i = 0; i < 3; ++i) flying.push_back(*spool.next());
  spool.give_back(std::move(flying), 2);
  check_ledger();
  EXPECT_EQ(counters().resent.flows, 2U) << "the third had not left";
  EXPECT_EQ(deliver(spool), (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(SpoolTest, LosesTheOldestWhenMemoryIsFull) {
  config_.memory = 10'000;
  Spool spool = make();
  std::vector<int> tags(100);
  for (int i = 0; i < 100; ++i) tags[static_cast<std::size_t>(i)] = i;
  add(spool, tags);
  EXPECT_GT(counters().lost_spool_full.flows, 10U);
  const std::vector<int> left = deliver(spool);
  EXPECT_EQ(left.front(), static_cast<int>(counters().lost_spool_full.flows));
  EXPECT_EQ(left.back(), 99);
}

TEST_F(SpoolTest, NeverDropsWhatIsOnItsWay) {
  config_.memory = 2000;
  Spool spool = make();
  add(spool, {1});
  const auto flying = spool.next();
  add(spool, {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  EXPECT_GT(counters().lost_spool_full.flows, 0U);
  spool.sent(*flying);
  check_ledger();
  EXPECT_EQ(deliver(spool).back(), 12);
}

TEST_F(SpoolTest, LosesWhatWaitedTooLong) {
  config_.max_age = std::chrono::minutes(1);
  Spool spool = make();
  add(spool, {1, 2});
  clock_.advance(std::chrono::seconds(61));
  add(spool, {3});
  EXPECT_EQ(counters().lost_spool_age.flows, 2U);
  EXPECT_EQ(deliver(spool), std::vector<int>{3});
}

TEST_F(SpoolTest, PutsMessagesOnDiskWhileThereIsNoConnection) {
  use_disk();
  Spool spool = make();
  add(spool, {1, 2});
  EXPECT_EQ(directory_.files(".spool").size(), 1U);
  spool.set_connected(true);
  add(spool, {3});
  EXPECT_EQ(deliver(spool), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(directory_.files(".spool").size(), 0U);
  add(spool, {4});
  EXPECT_EQ(directory_.files(".spool").size(), 0U) << "a connection takes it from memory";
}

TEST_F(SpoolTest, MovesMemoryToDiskWhenTheConnectionGoes) {
  use_disk();
  {
    Spool spool = make();
    spool.set_connected(true);
    add(spool, {1, 2, 3});
    std::deque<KeptMessage> flying;
    flying.push_back(*spool.next());
    spool.give_back(std::move(flying), 1);
    spool.set_connected(false);
  }  // SIGKILL
  begin_again();
  Spool spool = make();
  spool.open();
  EXPECT_EQ(counters().recovered.flows, 3U);
  EXPECT_EQ(counters().waiting.flows, 3U);
  EXPECT_EQ(deliver(spool), (std::vector<int>{1, 2, 3}));
}

TEST_F(SpoolTest, TakesTheDiskWhenAConnectionIsTooSlowForTheMemory) {
  use_disk();
  config_.memory = 2000;
  Spool spool = make();
  spool.set_connected(true);
  std::vector<int> tags(50);
  for (int i = 0; i < 50; ++i) tags[static_cast<std::size_t>(i)] = i;
  add(spool, tags);
  EXPECT_EQ(counters().lost(), 0U);
  EXPECT_EQ(deliver(spool), tags);
}

TEST_F(SpoolTest, FallsBackToMemoryWhenTheDirectoryIsMissingAndTriesAgain) {
  config_.directory = directory_.path("later");
  Spool spool = make();
  add(spool, {1, 2});
  EXPECT_GE(counters().spool_errors, 1U);
  EXPECT_EQ(counters().waiting.flows, 2U);
  std::filesystem::create_directory(config_.directory);
  clock_.advance(std::chrono::seconds(2));
  add(spool, {3});
  EXPECT_FALSE(std::filesystem::is_empty(config_.directory));
  EXPECT_EQ(deliver(spool), (std::vector<int>{1, 2, 3}));
}

TEST_F(SpoolTest, CountsWhatIsInMemoryAsLostWhenItStops) {
  Spool spool = make();
  add(spool, {1, 2});
  spool.stop();
  check_ledger();
  EXPECT_EQ(counters().lost_stopped.flows, 2U);
  EXPECT_EQ(counters().waiting.flows, 0U);
}

TEST_F(SpoolTest, LeavesOnDiskWhatWaitsWhenItStops) {
  use_disk();
  {
    Spool spool = make();
    spool.set_connected(true);
    add(spool, {1, 2});
    spool.stop();
    check_ledger();
    EXPECT_EQ(counters().waiting.flows, 2U);
    EXPECT_EQ(counters().lost(), 0U);
  }
  Spool spool = make();
  begin_again();
  EXPECT_EQ(deliver(spool), (std::vector<int>{1, 2}));
}

TEST_F(SpoolTest, SendsAMessageFromDiskAgainWhenItsConnectionBroke) {
  use_disk();
  {
    Spool spool = make();
    add(spool, {1, 2});
    std::deque<KeptMessage> flying;
    flying.push_back(*spool.next());
    spool.handed_over(flying.back());
    spool.give_back(std::move(flying), 1);
    check_ledger();
  }  // SIGKILL
  Spool spool = make();
  begin_again();
  EXPECT_EQ(deliver(spool), (std::vector<int>{1, 2}));
}

TEST_F(SpoolTest, TellsWhatWaitsAndSinceWhen) {
  Spool spool = make();
  EXPECT_EQ(spool.backlog().memory, 0U);
  EXPECT_EQ(spool.backlog().disk_limit, 0U) << "there is no directory";
  EXPECT_FALSE(spool.backlog().oldest);
  const TimePoint first = clock_.now().wall;
  add(spool, {1, 2});
  clock_.advance(std::chrono::seconds(5));
  add(spool, {3});
  EXPECT_GE(spool.backlog().memory, 300U);
  EXPECT_EQ(spool.backlog().oldest, first);
  deliver(spool);
  EXPECT_EQ(spool.backlog().memory, 0U);
  EXPECT_FALSE(spool.backlog().oldest);
}

TEST_F(SpoolTest, TellsWhatWaitsOnDiskAndSinceWhenAlsoOfAnEarlierProcess) {
  use_disk();
  const TimePoint first = clock_.now().wall;
  {
    Spool spool = make();
    spool.set_connected(false);
    add(spool, {1});
    clock_.advance(std::chrono::seconds(5));
    add(spool, {2});
    EXPECT_EQ(spool.backlog().memory, 0U);
    EXPECT_GE(spool.backlog().disk, 200U);
    EXPECT_EQ(spool.backlog().disk_limit, config_.size);
    EXPECT_EQ(spool.backlog().oldest, first);
    spool.stop();
  }
  begin_again();
  clock_.advance(std::chrono::seconds(60));
  Spool spool = make();
  spool.open();
  EXPECT_EQ(spool.backlog().oldest, first);
  const auto message = spool.next();
  ASSERT_TRUE(message);
  spool.handed_over(*message);
  spool.sent(*message);
  // The second is not older than the first was, and that is all that is known without reading it.
  ASSERT_TRUE(spool.backlog().oldest);
  EXPECT_LE(*spool.backlog().oldest, first + std::chrono::seconds(5));
  deliver(spool);
  EXPECT_FALSE(spool.backlog().oldest);
}

TEST_F(SpoolTest, DoesNotPromiseWhatWasDroppedWhileItWasOnItsWay) {
  use_disk();
  config_.size = 8000;
  {
    Spool spool = make();
    add(spool, {1, 2, 3});
    std::deque<KeptMessage> flying;
    for (int i = 0; i < 3; ++i) flying.push_back(*spool.next());
    add(spool, std::vector<int>(100, 4));  // drops the file from which they were read
    spool.give_back(std::move(flying), 3);
    spool.stop();
    check_ledger();
  }
  const ExportAmount promised = counters().waiting;
  EXPECT_GT(promised.flows, 0U);
  Spool spool = make();
  begin_again();
  EXPECT_EQ(deliver(spool).size(), promised.flows);
  EXPECT_EQ(counters().recovered.flows, promised.flows);
}

TEST_F(SpoolTest, DoesNotPromiseWhatWasRemovedUnderneath) {
  use_disk();
  Spool spool = make();
  add(spool, {1, 2, 3});
  for (const std::string& file : directory_.files(".spool")) {
    std::filesystem::remove(directory_.path(file));
  }
  spool.stop();
  check_ledger();
  EXPECT_EQ(counters().waiting.flows, 0U);
  EXPECT_EQ(counters().lost_spool_damaged.flows, 3U);
}

TEST_F(SpoolTest, SaysWhatTheNextStartSendsAgain) {
  use_disk();
  std::vector<int> sent;
  {
    Spool spool = make();
    add(spool, {1, 2, 3, 4});
    const auto first = spool.next();
    const auto second = spool.next();
    files_.turn_read_only();
    for (const auto* message : {&first, &second}) {
      spool.handed_over(**message);
      spool.sent(**message);
      check_ledger();
      sent.push_back(tag_of((*message)->bytes));
    }
    EXPECT_FALSE(spool.trouble().empty());
    clock_.advance(std::chrono::seconds(2));
    EXPECT_FALSE(spool.next()) << "the disk could not note that it was sent";
    spool.stop();
    check_ledger();
    EXPECT_EQ(counters().flows, 2U);
    EXPECT_EQ(counters().waiting.flows, 2U);
    EXPECT_EQ(counters().unrecorded.flows, 2U);
  }
  files_.recover();
  const std::uint64_t unrecorded = counters().unrecorded.flows;
  Spool spool = make();
  begin_again();
  const std::vector<int> again = deliver(spool);
  EXPECT_EQ(again, (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(counters().resent.flows, unrecorded) << "never twice without a word";
}

TEST_F(SpoolTest, SaysAtTheEndWhatAFullDiskDidNotNoteAsSent) {
  use_disk();
  {
    Spool spool = make();
    add(spool, {1, 2, 3, 4});
    files_.on_write = ENOSPC;  // also in place, as where changes are written elsewhere
    for (int i = 0; i < 2; ++i) {
      const auto message = spool.next();
      ASSERT_TRUE(message);
      spool.handed_over(*message);
      spool.sent(*message);
    }
    spool.stop();
    check_ledger();
    EXPECT_EQ(counters().unrecorded.flows, 2U);
  }
  files_.recover();
  begin_again();
  Spool next = make();
  next.open();
  EXPECT_EQ(counters().recovered.flows, 4U);
  EXPECT_EQ(deliver(next), (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(SpoolTest, GoesOnByMemoryWhileTheDiskCannotBeUsed) {
  use_disk();
  Spool spool = make();
  add(spool, {1, 2});
  files_.turn_read_only();
  spool.set_connected(true);
  add(spool, {3, 4});
  EXPECT_EQ(deliver(spool), (std::vector<int>{3, 4}));
  EXPECT_EQ(counters().waiting.flows, 2U);
  files_.recover();
  clock_.advance(std::chrono::seconds(6));
  spool.work();
  EXPECT_EQ(deliver(spool), (std::vector<int>{1, 2}));
  clock_.advance(std::chrono::seconds(6));
  spool.work();
  EXPECT_EQ(spool.trouble(), "");
  EXPECT_EQ(counters().unrecorded.flows, 0U);
}

TEST_F(SpoolTest, SaysWhyADirectoryCannotBeUsed) {
  config_.directory = directory_.path("later");
  Spool spool = make();
  spool.open();
  EXPECT_NE(spool.trouble().find("No such file or directory"), std::string::npos);
  std::filesystem::create_directory(config_.directory);
  clock_.advance(std::chrono::seconds(2));
  EXPECT_TRUE(spool.work());
  EXPECT_EQ(spool.trouble(), "");
}

TEST_F(SpoolTest, ReadsALargeSpoolALittleAtATime) {
  use_disk();
  constexpr int kMessages = 20'000;
  {
    Spool spool = make();
    for (int i = 0; i < kMessages; ++i) add(spool, {1}, 1400);
  }
  Spool spool = make();
  begin_again();
  spool.open();
  EXPECT_LT(counters().recovered.flows, 1000U) << "events of the kernel do not wait for the rest";
  add(spool, {2});
  int slices = 0;
  std::uint64_t before = counters().recovered.flows;
  while (counters().recovered.flows < kMessages && slices < 1000) {
    const auto again = spool.work();
    if (counters().recovered.flows < kMessages) {
      EXPECT_LT(again, std::chrono::milliseconds(100));
    }
    EXPECT_LT(counters().recovered.flows - before, 1000U);
    before = counters().recovered.flows;
    check_ledger();
    ++slices;
  }
  EXPECT_GE(slices, 50);
  spool.work();
  EXPECT_GE(spool.work(), std::chrono::milliseconds(100)) << "nothing is left to be read";
  EXPECT_EQ(counters().waiting.flows, kMessages + 1U);
}

TEST_F(SpoolTest, KeepsOnDiskWhatTheCollectorDoesNotTake) {
  use_disk();
  {
    Spool spool = make();
    spool.set_connected(true);
    add(spool, {1, 2, 3});
    std::deque<KeptMessage> flying;
    flying.push_back(*spool.next());
    spool.handed_over(flying.back());
    EXPECT_FALSE(spool.overdue(flying.back()));
    EXPECT_EQ(directory_.files(".spool").size(), 0U);
    clock_.advance(std::chrono::seconds(2));
    EXPECT_TRUE(spool.overdue(flying.back()));
    EXPECT_TRUE(spool.secure(flying.back()));
    spool.secure_waiting();
    check_ledger();
    EXPECT_EQ(tag_of(spool.next()->bytes), 2) << "the first is on its way";
  }  // SIGKILL
  Spool spool = make();
  begin_again();
  EXPECT_EQ(deliver(spool), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(counters().recovered.flows, 3U);
  EXPECT_EQ(counters().resent.flows, 2U) << "those that were on their way";
}

TEST_F(SpoolTest, ForgetsWhatItKeptOnceTheCollectorHasIt) {
  use_disk();
  Spool spool = make();
  spool.set_connected(true);
  add(spool, {1});
  KeptMessage flying = *spool.next();
  clock_.advance(std::chrono::seconds(2));
  EXPECT_TRUE(spool.secure(flying));
  spool.sent(flying);
  check_ledger();
  EXPECT_EQ(directory_.files(".spool").size(), 0U);
  EXPECT_EQ(counters().flows, 1U);
}

TEST_F(SpoolTest, CountsAsLostWhatTheDiskSaysWasHandedOver) {
  use_disk();
  {
    Spool spool = make();
    add(spool, {1, 2, 3});
    std::deque<KeptMessage> flying;
    for (int i = 0; i < 2; ++i) {
      flying.push_back(*spool.next());
      spool.handed_over(flying.back());
    }
    files_.turn_read_only();
    spool.give_back(std::move(flying), 2);
    check_ledger();
    EXPECT_EQ(counters().waiting.flows, 3U) << "they are sent again as long as this process lives";
    spool.stop();
    check_ledger();
    EXPECT_EQ(counters().lost_stopped.flows, 2U);
    EXPECT_EQ(counters().waiting.flows, 1U);
  }
  files_.recover();
  Spool spool = make();
  begin_again();
  EXPECT_EQ(deliver(spool), std::vector<int>{3});
}

TEST_F(SpoolTest, WaitsForTheLockOfTheExporterBefore) {
  use_disk();
  ExportLedger before_ledger;
  Spool before = make(before_ledger);
  CountedMessage message = test::counted_message(sequence_++, 1, 1);
  before.add(std::move(message.bytes), message.content, origin_);
  Spool spool = make();
  spool.open();
  add(spool, {2});
  EXPECT_EQ(counters().spool_errors, 0U);
  EXPECT_EQ(spool.trouble(), "");
  EXPECT_EQ(counters().waiting.flows, 1U) << "in memory";
  clock_.advance(std::chrono::seconds(3));
  before.stop();
  EXPECT_EQ(before_ledger.counters().waiting.flows, 1U);
  spool.work();
  check_ledger();
  EXPECT_EQ(counters().recovered.flows, 1U);
  EXPECT_EQ(deliver(spool), (std::vector<int>{1, 2}));
  EXPECT_EQ(counters().spool_errors, 0U);
}

TEST_F(SpoolTest, SaysThatAnotherProcessHasItsDirectory) {
  use_disk();
  ExportLedger other_ledger;
  Spool other = make(other_ledger);
  other.open();
  Spool spool = make();
  spool.open();
  clock_.advance(std::chrono::seconds(11));
  spool.work();
  EXPECT_EQ(counters().spool_errors, 1U);
  EXPECT_NE(spool.trouble().find("Resource temporarily unavailable"), std::string::npos);
}

TEST_F(SpoolTest, JudgesTheAgeInMemoryByTheTimeThatPassed) {
  config_.max_age = std::chrono::minutes(1);
  std::chrono::hours set_by{0};
  const Clock clock = [&] {
    Instant now = clock_.now();
    now.wall += set_by;
    return now;
  };
  Spool spool("one", config_, *ledger_, clock, files_);
  add(spool, {1});
  set_by = std::chrono::hours(1);
  add(spool, {2});
  EXPECT_EQ(counters().lost_spool_age.flows, 0U) << "the wall clock was set, nothing is older";
  set_by = -std::chrono::hours(2);
  clock_.advance(std::chrono::seconds(61));
  add(spool, {3});
  EXPECT_EQ(counters().lost_spool_age.flows, 2U);
}

TEST_F(SpoolTest, TakesTheDirectoryAsSoonAsTheOneBeforeAReloadHasLeftIt) {
  use_disk();
  Spool first = make();
  first.work();
  ExportLedger next;
  Spool second = make(next);
  const auto again = second.work();
  ASSERT_TRUE(again);
  EXPECT_LE(*again, std::chrono::milliseconds(20));
  EXPECT_TRUE(second.trouble().empty());
  CountedMessage message = test::counted_message(0, 1, 7, 100);
  second.add(std::move(message.bytes), message.content, origin_);
  first.stop();
  clock_.advance(*again);
  EXPECT_GT(*second.work(), *again) << "it has the directory";
  // One more reload builds its exporter before it ends the one that it replaces.
  ExportLedger last;
  Spool third = make(last);
  third.work();
  second.stop();
  EXPECT_EQ(next.counters().lost(), 0U);
  clock_.advance(*again);
  third.work();
  EXPECT_EQ(last.counters().recovered.flows, 1U);
  const auto found = third.next();
  ASSERT_TRUE(found);
  EXPECT_EQ(tag_of(found->bytes), 7);
}

}  // namespace
}  // namespace ctflow
