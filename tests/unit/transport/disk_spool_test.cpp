// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/disk_spool.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "support/kept_messages.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using test::kept_message;
using test::tag_of;

class DiskSpoolTest : public testing::Test {
 protected:
  DiskSpoolTest() { config_.directory = directory_.name(); }

  void open(DiskSpool& spool) {
    const std::error_code error = spool.open(recovered_, damaged_);
    EXPECT_FALSE(error) << error.message();
  }

  /// Appends messages with these tags, one flow each.
  void append(DiskSpool& spool, const std::vector<std::uint8_t>& tags,
              TimePoint kept = test::kKept) {
    for (const std::uint8_t tag : tags) {
      KeptMessage message = kept_message(sequence_++, 1, tag, origin_, kept);
      const std::error_code error = spool.append(message, dropped_);
      EXPECT_FALSE(error) << error.message();
      EXPECT_TRUE(message.place);
    }
  }

  /// Reads all that waits; settles it if so told.
  std::vector<int> read(DiskSpool& spool, bool settle) {
    std::vector<int> tags;
    while (const auto message = spool.read(lost_)) {
      tags.push_back(tag_of(message->bytes));
      if (!settle) continue;
      spool.mark(*message->place, true);
      spool.settle(*message->place);
    }
    return tags;
  }

  test::TemporaryDirectory directory_;
  SpoolConfig config_;
  std::shared_ptr<const Origin> origin_ = test::sample_origin();
  std::uint32_t sequence_ = 0;
  Carried recovered_;
  Carried dropped_;
  Carried lost_;
  std::uint64_t damaged_ = 0;
};

TEST_F(DiskSpoolTest, IsFirstInFirstOut) {
  DiskSpool spool("one", config_);
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
    DiskSpool spool("one", config_);
    open(spool);
    append(spool, {1, 2, 3, 4});
    const auto sent = spool.read(lost_);
    spool.mark(*sent->place, true);
    spool.settle(*sent->place);
    static_cast<void>(spool.read(lost_));  // taken, and the process died
  }
  DiskSpool spool("one", config_);
  open(spool);
  EXPECT_EQ(recovered_.flows, 3U);
  append(spool, {5});
  EXPECT_EQ(read(spool, true), (std::vector<int>{2, 3, 4, 5}));
}

TEST_F(DiskSpoolTest, DropsTheOldestBeyondItsSize) {
  config_.size = 8000;  // files of 1000 octets
  DiskSpool spool("one", config_);
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
  EXPECT_EQ(dropped_.flows + left.size(), 100U) << "every message waits or is counted";
  EXPECT_EQ(left.front(), static_cast<int>(dropped_.flows) + 1);
}

TEST_F(DiskSpoolTest, DropsFilesThatAreTooOld) {
  config_.size = 8000;
  DiskSpool spool("one", config_);
  open(spool);
  append(spool, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  append(spool, {11, 12}, test::kKept + std::chrono::hours(1));
  const Carried dropped = spool.drop_older_than(test::kKept + std::chrono::minutes(30));
  EXPECT_GE(dropped.flows, 5U);
  const std::vector<int> left = read(spool, false);
  EXPECT_EQ(left.size() + dropped.flows, 12U);
  EXPECT_EQ(left.back(), 12);
}

TEST_F(DiskSpoolTest, BelongsToOneProcessAtATime) {
  DiskSpool first("one", config_);
  open(first);
  DiskSpool second("one", config_);
  EXPECT_EQ(second.open(recovered_, damaged_), std::errc::resource_unavailable_try_again);
  DiskSpool other("one-1", config_);
  open(other);  // another collector
}

TEST_F(DiskSpoolTest, LeavesTheFilesOfOthersAlone) {
  {
    DiskSpool other("one-1", config_);
    open(other);
    append(other, {1});
  }
  std::ofstream(directory_.path("one-xyz.spool")) << "not ours";
  DiskSpool spool("one", config_);
  open(spool);
  EXPECT_EQ(recovered_.messages, 0U);
  EXPECT_EQ(damaged_, 0U);
}

TEST_F(DiskSpoolTest, PutsAnUnreadableFileOutOfTheWay) {
  std::ofstream(directory_.path("one-0000000000000007.spool")) << "damaged";
  DiskSpool spool("one", config_);
  open(spool);
  EXPECT_EQ(damaged_, 1U);
  EXPECT_EQ(directory_.files(".damaged").size(), 1U);
  append(spool, {1});
  EXPECT_EQ(directory_.files(".spool"), std::vector<std::string>{"one-0000000000000008.spool"});
}

TEST_F(DiskSpoolTest, CountsWhatBecameUnreadableMeanwhile) {
  DiskSpool spool("one", config_);
  open(spool);
  append(spool, {1, 2, 3});
  std::filesystem::resize_file(directory_.path(directory_.files(".spool").at(0)), 300);
  const std::vector<int> left = read(spool, false);
  EXPECT_LT(left.size(), 3U);
  EXPECT_EQ(left.size() + lost_.flows, 3U);
}

TEST_F(DiskSpoolTest, SaysWhenTheDirectoryIsMissing) {
  config_.directory += "/missing";
  DiskSpool spool("one", config_);
  EXPECT_EQ(spool.open(recovered_, damaged_), std::errc::no_such_file_or_directory);
  EXPECT_FALSE(spool.is_open());
}

}  // namespace
}  // namespace ctflow
