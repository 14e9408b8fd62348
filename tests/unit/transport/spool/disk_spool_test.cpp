// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/disk_spool.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "support/faulty_files.hpp"
#include "support/kept_messages.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using test::kept_message;
using test::tag_of;

using State = DiskSpool::State;

class DiskSpoolTest : public testing::Test {
 protected:
  DiskSpoolTest() { config_.directory = directory_.name(); }

  void open(DiskSpool& spool) {
    const std::error_code error = spool.open();
    EXPECT_FALSE(error) << error.message();
    recover(spool);
  }

  void recover(DiskSpool& spool) {
    for (slices_ = 0; spool.recovering(); ++slices_) {
      ASSERT_FALSE(spool.recover(std::size_t{64} << 10, changes_));
    }
  }

  /// Appends messages with these tags, one flow each.
  void append(DiskSpool& spool, const std::vector<std::uint8_t>& tags,
              TimePoint kept = test::kKept) {
    for (const std::uint8_t tag : tags) {
      KeptMessage message = kept_message(sequence_++, 1, tag, origin_, kept);
      const std::error_code error = spool.append(message, State::kWaits, changes_);
      EXPECT_FALSE(error) << error.message();
      EXPECT_TRUE(message.place);
    }
  }

  std::optional<KeptMessage> take(DiskSpool& spool) {
    std::error_code error;
    auto message = spool.take(changes_, error);
    EXPECT_FALSE(error) << error.message();
    return message;
  }

  /// Takes all that waits; settles it if so told.
  std::vector<int> read(DiskSpool& spool, bool settle) {
    std::vector<int> tags;
    while (const auto message = take(spool)) {
      tags.push_back(tag_of(message->bytes));
      if (settle) send(spool, *message);
    }
    return tags;
  }

  static void send(DiskSpool& spool, const KeptMessage& message) {
    EXPECT_FALSE(spool.mark(*message.place, State::kHandedOver));
    EXPECT_FALSE(spool.settle(*message.place));
  }

  /// Files of an earlier process with one message each: tags from 1.
  void leave_files(int count) {
    for (int i = 1; i <= count; ++i) {
      DiskSpool spool("one", config_, files_);
      open(spool);
      append(spool, {static_cast<std::uint8_t>(i)});
    }
    changes_ = {};
    EXPECT_EQ(directory_.files(".spool").size(), static_cast<std::size_t>(count));
  }

  static std::size_t descriptors() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const auto target = std::filesystem::read_symlink(entry.path(), gone);
      if (!gone && target.extension() == ".spool") ++count;
    }
    return count;
  }

  test::FaultyFiles files_;
  test::TemporaryDirectory directory_;
  SpoolConfig config_;
  std::shared_ptr<const Origin> origin_ = test::sample_origin();
  std::uint32_t sequence_ = 0;
  DiskChanges changes_;
  int slices_ = 0;
};

TEST_F(DiskSpoolTest, IsFirstInFirstOut) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  EXPECT_TRUE(spool.empty());
  append(spool, {1, 2, 3});
  EXPECT_FALSE(spool.empty());
  EXPECT_EQ(read(spool, true), (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(spool.empty());
  EXPECT_EQ(directory_.files(".spool").size(), 0U) << "what was sent takes no room";
}

TEST_F(DiskSpoolTest, GivesTheNextProcessWhatWasNotSent) {
  {
    DiskSpool spool("one", config_, files_);
    open(spool);
    append(spool, {1, 2, 3, 4});
    send(spool, *take(spool));
    static_cast<void>(take(spool));  // and the process died
  }
  DiskSpool spool("one", config_, files_);
  open(spool);
  EXPECT_EQ(changes_.recovered.waiting.flows, 3U);
  EXPECT_EQ(changes_.recovered.doubtful.flows, 1U);
  append(spool, {5});
  EXPECT_EQ(read(spool, true), (std::vector<int>{2, 3, 4, 5}));
}

TEST_F(DiskSpoolTest, DropsTheOldestBeyondItsSize) {
  config_.size = 8000;  // files of 1000 octets
  DiskSpool spool("one", config_, files_);
  open(spool);
  std::vector<std::uint8_t> tags(100);
  std::iota(tags.begin(), tags.end(), std::uint8_t{1});
  append(spool, tags);
  std::uintmax_t size = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.name())) {
    size += entry.file_size();
  }
  EXPECT_LE(size, 8000U);
  const std::vector<int> left = read(spool, false);
  EXPECT_GE(left.size(), 30U);
  EXPECT_EQ(left.back(), 100);
  EXPECT_EQ(changes_.dropped.flows + left.size(), 100U) << "every message waits or is counted";
  EXPECT_EQ(left.front(), static_cast<int>(changes_.dropped.flows) + 1);
}

TEST_F(DiskSpoolTest, DropsFilesThatAreTooOld) {
  config_.size = 8000;
  DiskSpool spool("one", config_, files_);
  open(spool);
  append(spool, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  append(spool, {11, 12}, test::kKept + std::chrono::hours(1));
  EXPECT_FALSE(spool.drop_older_than(test::kKept + std::chrono::minutes(30), changes_));
  const ExportAmount& dropped = changes_.aged;
  EXPECT_GE(dropped.flows, 5U);
  const std::vector<int> left = read(spool, false);
  EXPECT_EQ(left.size() + dropped.flows, 12U);
  EXPECT_EQ(left.back(), 12);
}

TEST_F(DiskSpoolTest, BelongsToOneProcessAtATime) {
  DiskSpool first("one", config_, files_);
  open(first);
  DiskSpool second("one", config_, files_);
  EXPECT_EQ(second.open(), std::errc::resource_unavailable_try_again);
  DiskSpool other("one-1", config_, files_);
  open(other);  // another collector
}

TEST_F(DiskSpoolTest, LeavesTheFilesOfOthersAlone) {
  {
    DiskSpool other("one-1", config_, files_);
    open(other);
    append(other, {1});
  }
  std::ofstream(directory_.path("one-xyz.spool")) << "not ours";
  DiskSpool spool("one", config_, files_);
  open(spool);
  EXPECT_EQ(changes_.recovered.waiting.messages, 0U);
  EXPECT_EQ(changes_.recovered.damaged, 0U);
}

TEST_F(DiskSpoolTest, KeepsItsOrderBesideFilesWithTheGreatestNumbers) {
  leave_files(1);
  for (const char* const number : {"ffffffffffffffff", "7fffffffffffffff"}) {
    std::ofstream(directory_.path(std::string("one-") + number + ".spool")) << "no messages";
  }
  {
    DiskSpool spool("one", config_, files_);
    open(spool);  // puts the one that it may have out of the way
    append(spool, {2});
  }
  DiskSpool next("one", config_, files_);
  open(next);
  append(next, {3});
  EXPECT_EQ(read(next, true), (std::vector<int>{1, 2, 3}));
}

TEST_F(DiskSpoolTest, PutsAnUnreadableFileOutOfTheWay) {
  std::ofstream(directory_.path("one-0000000000000007.spool")) << "damaged";
  DiskSpool spool("one", config_, files_);
  open(spool);
  EXPECT_EQ(changes_.recovered.damaged, 1U);
  EXPECT_EQ(directory_.files(".damaged").size(), 1U);
  append(spool, {1});
  EXPECT_EQ(directory_.files(".spool"), std::vector<std::string>{"one-0000000000000008.spool"});
}

TEST_F(DiskSpoolTest, CountsWhatBecameUnreadableMeanwhile) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  append(spool, {1, 2, 3});
  std::filesystem::resize_file(directory_.path(directory_.files(".spool").at(0)), 300);
  const std::vector<int> left = read(spool, false);
  EXPECT_LT(left.size(), 3U);
  EXPECT_EQ(left.size() + changes_.damaged.flows, 3U);
}

TEST_F(DiskSpoolTest, SaysWhenTheDirectoryIsMissing) {
  config_.directory += "/missing";
  DiskSpool spool("one", config_, files_);
  EXPECT_EQ(spool.open(), std::errc::no_such_file_or_directory);
  EXPECT_FALSE(spool.is_open());
}

TEST_F(DiskSpoolTest, TriesAgainADirectoryThatCouldNotBeRead) {
  leave_files(2);
  DiskSpool spool("one", config_, files_);
  files_.on_list = EIO;
  EXPECT_EQ(spool.open(), std::errc::io_error);
  EXPECT_FALSE(spool.is_open());
  files_.recover();
  open(spool);
  EXPECT_EQ(read(spool, true), (std::vector<int>{1, 2}));
}

TEST_F(DiskSpoolTest, NeedsFewDescriptorsForManyFiles) {
  constexpr int kFiles = 100;
  leave_files(kFiles);
  DiskSpool spool("one", config_, files_);
  open(spool);
  EXPECT_LE(descriptors(), 3U);
  append(spool, {kFiles + 1});
  std::vector<KeptMessage> flying;
  while (auto message = take(spool)) {
    flying.push_back(std::move(*message));
    EXPECT_LE(descriptors(), 3U);
  }
  EXPECT_EQ(flying.size(), kFiles + 1U);
  for (const KeptMessage& message : flying) send(spool, message);
  EXPECT_EQ(directory_.files(".spool").size(), 0U);
  EXPECT_EQ(descriptors(), 0U);
}

TEST_F(DiskSpoolTest, LosesNothingWhenDescriptorsAreUsedUp) {
  leave_files(3);
  DiskSpool spool("one", config_, files_);
  ASSERT_FALSE(spool.open());
  // UBSan needs descriptors of its own when it sees a type for the first time.
  for (const auto* category : {&std::generic_category(), &std::system_category()}) {
    ASSERT_EQ(std::error_code(EMFILE, *category), std::errc::too_many_files_open);
  }
  // The real limit; the lowest free descriptor is one above those that are open.
  const int next = dup(0);
  close(next);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit full{static_cast<rlim_t>(next), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &full);
  const std::error_code error = spool.recover(1000, changes_);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(error, std::errc::too_many_files_open);
  EXPECT_TRUE(spool.recovering());
  recover(spool);
  EXPECT_EQ(changes_.recovered.waiting.flows, 3U);
  EXPECT_EQ(changes_.recovered.damaged, 0U);
  EXPECT_EQ(directory_.files(".damaged").size(), 0U);
  EXPECT_EQ(read(spool, true), (std::vector<int>{1, 2, 3}));
}

TEST_F(DiskSpoolTest, GoesOnWithOtherFilesWhereOneCannotBeRead) {
  leave_files(3);
  DiskSpool spool("one", config_, files_);
  ASSERT_FALSE(spool.open());
  files_.on_open = EIO;
  files_.only = "0000.spool";
  EXPECT_EQ(spool.recover(std::size_t{1} << 20, changes_), std::errc::io_error);
  recover(spool);
  EXPECT_EQ(read(spool, true), (std::vector<int>{2, 3}));
  EXPECT_TRUE(spool.troubled());
  EXPECT_FALSE(spool.empty());
  EXPECT_EQ(directory_.files(".spool").size(), 1U) << "neither deleted nor renamed";
  files_.recover();
  EXPECT_FALSE(spool.repair());
  recover(spool);
  EXPECT_EQ(read(spool, true), std::vector<int>{1});
  EXPECT_EQ(changes_.damaged.flows, 0U);
}

TEST_F(DiskSpoolTest, KeepsAMessageThatCannotBeReadJustNow) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  append(spool, {1, 2});
  files_.on_read = EIO;
  std::error_code error;
  EXPECT_FALSE(spool.take(changes_, error));
  EXPECT_EQ(error, std::errc::io_error);
  EXPECT_EQ(changes_.damaged.flows, 0U);
  files_.recover();
  EXPECT_FALSE(spool.repair());
  EXPECT_EQ(read(spool, true), (std::vector<int>{1, 2}));
}

TEST_F(DiskSpoolTest, SendsNothingTwiceWhenTheFileSystemTurnsReadOnly) {
  for (const int error : {EROFS, EIO, EACCES}) {
    std::vector<int> sent;
    {
      DiskSpool spool("one", config_, files_);
      open(spool);
      append(spool, {1, 2, 3, 4});
      const auto first = take(spool);
      const auto second = take(spool);
      files_.turn_read_only(error);
      EXPECT_TRUE(spool.mark(*first->place, State::kHandedOver));
      EXPECT_FALSE(spool.settle(*first->place));
      sent.push_back(tag_of(first->bytes));
      std::error_code why;
      EXPECT_FALSE(spool.take(changes_, why)) << "what cannot be noted is not given out";
      EXPECT_EQ(why.value(), error);
      EXPECT_EQ(spool.sent_unrecorded().flows, 1U);
    }
    files_.recover();
    changes_ = {};
    DiskSpool spool("one", config_, files_);
    open(spool);
    EXPECT_EQ(changes_.recovered.waiting.flows, 4U);
    EXPECT_EQ(changes_.recovered.doubtful.flows, 2U) << "the ledger says what may arrive twice";
    EXPECT_EQ(read(spool, true), (std::vector<int>{1, 2, 3, 4}));
  }
}

TEST_F(DiskSpoolTest, CatchesUpOnWhatItOwesTheDisk) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  append(spool, {1, 2});
  const auto first = take(spool);
  files_.turn_read_only();
  EXPECT_TRUE(spool.mark(*first->place, State::kHandedOver));
  EXPECT_FALSE(spool.settle(*first->place));
  EXPECT_TRUE(spool.repair());
  files_.recover();
  EXPECT_FALSE(spool.repair());
  EXPECT_FALSE(spool.troubled());
  EXPECT_EQ(spool.sent_unrecorded().flows, 0U);
  EXPECT_EQ(read(spool, true), std::vector<int>{2});
  EXPECT_EQ(directory_.files(".spool").size(), 0U);
}

TEST_F(DiskSpoolTest, DoesNotCountAsDroppedWhatCannotBeRemoved) {
  config_.size = 8000;
  DiskSpool spool("one", config_, files_);
  open(spool);
  files_.on_remove = EROFS;
  std::uint64_t kept = 0;
  std::error_code error;
  for (; !error && kept < 1000; ++kept) {
    KeptMessage message = kept_message(sequence_++, 1, 1, origin_);
    error = spool.append(message, State::kWaits, changes_);
  }
  EXPECT_EQ(error, std::errc::read_only_file_system);
  EXPECT_EQ(changes_.dropped.flows, 0U);
  EXPECT_TRUE(spool.drop_older_than(test::kKept + std::chrono::hours(1), changes_));
  EXPECT_EQ(changes_.aged.flows, 0U);
  files_.recover();
  EXPECT_EQ(read(spool, true).size(), kept - 1);
}

TEST_F(DiskSpoolTest, RemovesLaterWhatCouldNotBeRemoved) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  append(spool, {1});
  const auto message = take(spool);
  files_.on_remove = EACCES;
  EXPECT_FALSE(spool.mark(*message->place, State::kHandedOver));
  EXPECT_TRUE(spool.settle(*message->place));
  EXPECT_TRUE(spool.empty());
  EXPECT_TRUE(spool.troubled());
  EXPECT_EQ(spool.sent_unrecorded().messages, 0U) << "the file says that it was sent";
  files_.recover();
  EXPECT_FALSE(spool.repair());
  EXPECT_EQ(directory_.files(".spool").size(), 0U);
}

TEST_F(DiskSpoolTest, CountsWhatWasRemovedUnderneath) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  append(spool, {1, 2, 3});
  const auto first = take(spool);
  std::filesystem::remove(directory_.path(directory_.files(".spool").at(0)));
  append(spool, {4});
  EXPECT_EQ(changes_.damaged.flows, 2U);
  EXPECT_FALSE(spool.holds(*first->place)) << "it is in memory alone";
  EXPECT_EQ(directory_.files(".spool").size(), 1U) << "a file that is there";
  std::filesystem::remove(directory_.path(directory_.files(".spool").at(0)));
  spool.verify(changes_);
  EXPECT_EQ(changes_.damaged.flows, 3U);
  EXPECT_TRUE(spool.empty());
}

TEST_F(DiskSpoolTest, CountsWhatWasRemovedBeforeItWasRead) {
  leave_files(5);  // more than are open at once
  DiskSpool spool("one", config_, files_);
  open(spool);
  std::filesystem::remove(directory_.path("one-0000000000000000.spool"));
  EXPECT_EQ(read(spool, true), (std::vector<int>{2, 3, 4, 5}));
  EXPECT_EQ(changes_.damaged.flows, 1U);
}

TEST_F(DiskSpoolTest, TakesNewMessagesWhileItStillReadsOldOnes) {
  {
    DiskSpool spool("one", config_, files_);
    open(spool);
    append(spool, std::vector<std::uint8_t>(3000, 1));
  }
  changes_ = {};
  DiskSpool spool("one", config_, files_);
  ASSERT_FALSE(spool.open());
  EXPECT_FALSE(spool.empty());
  EXPECT_FALSE(take(spool)) << "not before it is in the ledger";
  append(spool, {2});
  recover(spool);
  EXPECT_GE(slices_, 3) << "a little at a time";
  EXPECT_EQ(changes_.recovered.waiting.flows, 3000U);
  const std::vector<int> tags = read(spool, true);
  ASSERT_EQ(tags.size(), 3001U);
  EXPECT_EQ(tags.back(), 2) << "in order";
}

TEST_F(DiskSpoolTest, CountsWhatItDropsBeforeItWasRead) {
  config_.size = 4000;
  {
    DiskSpool spool("one", config_, files_);
    open(spool);
    append(spool, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  }
  changes_ = {};
  DiskSpool spool("one", config_, files_);
  ASSERT_FALSE(spool.open());
  append(spool, std::vector<std::uint8_t>(50, 11));
  recover(spool);
  EXPECT_GT(changes_.dropped.flows, 10U);
  EXPECT_EQ(changes_.recovered.waiting.flows, 10U);
  EXPECT_EQ(read(spool, true).size() + changes_.dropped.flows, 60U);
}

TEST_F(DiskSpoolTest, DrainsADiskThatIsFull) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  append(spool, {1, 2});
  files_.on_write = ENOSPC;  // as where each change needs a new block
  const auto first = take(spool);
  const auto second = take(spool);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(spool.mark(*first->place, State::kHandedOver));
  EXPECT_FALSE(spool.settle(*first->place));
  EXPECT_FALSE(spool.settle(*second->place));
  EXPECT_EQ(directory_.files(".spool").size(), 0U);
}

TEST_F(DiskSpoolTest, OpensItsFilesAnewWhenTheFileSystemIsBack) {
  for (const int error : {ESTALE, EIO}) {
    leave_files(2);
    DiskSpool spool("one", config_, files_);
    open(spool);
    append(spool, {3, 4});
    const auto first = take(spool);
    files_.break_descriptors(error);
    append(spool, {5});
    EXPECT_EQ(spool.mark(*first->place, State::kHandedOver).value(), error);
    EXPECT_FALSE(spool.settle(*first->place));
    while (spool.troubled()) static_cast<void>(spool.repair());
    EXPECT_EQ(spool.sent_unrecorded().flows, 0U);
    std::vector<int> tags;
    while (!spool.empty() && tags.size() < 10) {
      std::error_code why;
      const auto message = spool.take(changes_, why);
      if (!message) {
        EXPECT_EQ(why.value(), error);
        EXPECT_FALSE(spool.repair());
        continue;
      }
      tags.push_back(tag_of(message->bytes));
      send(spool, *message);
    }
    EXPECT_EQ(tags, (std::vector<int>{2, 3, 4, 5}));
    EXPECT_EQ(changes_.damaged.flows, 0U);
    EXPECT_TRUE(directory_.files(".spool").empty());
  }
}

TEST_F(DiskSpoolTest, TakesBackMessagesWhenTheFileSystemIsBack) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  append(spool, {1, 2});
  const auto first = take(spool);
  EXPECT_FALSE(spool.mark(*first->place, State::kHandedOver));
  files_.break_descriptors(ESTALE);
  EXPECT_EQ(spool.give_back(*first->place, true).value(), ESTALE);
  EXPECT_EQ(spool.waiting_unrecorded().flows, 1U);
  EXPECT_FALSE(spool.repair());
  EXPECT_EQ(spool.waiting_unrecorded().flows, 0U);
  EXPECT_EQ(read(spool, true), (std::vector<int>{1, 2}));
}

TEST_F(DiskSpoolTest, GoesOnInAnotherFileWhereOneCannotGrow) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  append(spool, {1});
  files_.longest = static_cast<off_t>(
      std::filesystem::file_size(directory_.path(directory_.files(".spool").at(0))));
  append(spool, {2, 3});
  EXPECT_EQ(directory_.files(".spool").size(), 3U);
  EXPECT_EQ(read(spool, true), (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(directory_.files(".spool").empty());
}

TEST_F(DiskSpoolTest, LeavesNoFilesBehindWhereNoneCanGrow) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  files_.longest = 200;  // the first messages fit, and no other one
  for (int i = 0; i < 3; ++i) {
    KeptMessage message = kept_message(sequence_++, 1, 1, origin_);
    EXPECT_EQ(spool.append(message, State::kWaits, changes_), std::errc::file_too_large);
    EXPECT_FALSE(message.place);
  }
  EXPECT_TRUE(directory_.files(".spool").empty());
  files_.longest = 0;
  append(spool, {2});
  EXPECT_EQ(read(spool, true), std::vector<int>{2});
}

TEST_F(DiskSpoolTest, ChangesNoFileThatAnotherProcessHasTakenOver) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  append(spool, {1, 2, 3});
  const auto taken = take(spool);
  ASSERT_TRUE(taken);
  ASSERT_FALSE(spool.mark(*taken->place, State::kHandedOver));
  const auto flying = take(spool);
  ASSERT_TRUE(flying);
  std::filesystem::remove(directory_.path("one.lock"));
  DiskSpool other("one", config_, files_);
  open(other);
  EXPECT_GT(other.size(), 0U);
  const auto busy = std::errc::resource_unavailable_try_again;
  KeptMessage message = kept_message(sequence_, 1, 4, origin_, test::kKept);
  EXPECT_EQ(spool.append(message, State::kWaits, changes_), busy);
  std::error_code error;
  EXPECT_FALSE(spool.take(changes_, error));
  EXPECT_EQ(error, busy);
  EXPECT_EQ(spool.mark(*flying->place, State::kHandedOver), busy);
  EXPECT_EQ(spool.drop_older_than(test::kKept + std::chrono::hours(1), changes_), busy);
  EXPECT_EQ(changes_.aged.messages, 0U);
  EXPECT_EQ(spool.repair(), busy) << "what is owed waits";
  spool.close();
  EXPECT_EQ(read(other, true), (std::vector<int>{2, 3})) << "all that was not handed over";
  EXPECT_EQ(other.size(), 0U);
}

TEST_F(DiskSpoolTest, TakesItsLockAnewBeforeItsNextChange) {
  DiskSpool spool("one", config_, files_);
  open(spool);
  std::filesystem::remove(directory_.path("one.lock"));
  append(spool, {1});
  DiskSpool other("one", config_, files_);
  EXPECT_EQ(other.open(), std::errc::resource_unavailable_try_again);
}

}  // namespace
}  // namespace ctflow
