// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool_segment.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/kept_messages.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;
using test::kept_message;
using test::tag_of;

class SpoolSegmentTest : public testing::Test {
 protected:
  std::unique_ptr<SpoolSegment> create() {
    std::error_code error;
    auto segment = SpoolSegment::create(path_, 4, origin_, error);
    EXPECT_FALSE(error) << error.message();
    return segment;
  }

  /// A file with three messages of 1, 2 and 3 flows.
  std::vector<DiskPlace> write_three() {
    const auto segment = create();
    std::vector<DiskPlace> places;
    for (std::uint8_t i = 1; i <= 3; ++i) {
      std::error_code error;
      places.push_back(segment->append(kept_message(i, i, i, origin_), error));
      EXPECT_FALSE(error) << error.message();
    }
    return places;
  }

  void overwrite(std::uint64_t offset, char value) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(value);
  }

  static std::vector<int> tags(SpoolSegment& segment) {
    std::vector<int> all;
    while (const auto message = segment.read()) all.push_back(tag_of(message->bytes));
    return all;
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.path("one.spool");
  std::shared_ptr<const Origin> origin_ = test::sample_origin();
};

TEST_F(SpoolSegmentTest, GivesMessagesBackInTheirOrder) {
  const auto segment = create();
  std::error_code error;
  segment->append(kept_message(7, 5, 1, origin_), error);
  segment->append(kept_message(12, 6, 2, origin_), error);
  EXPECT_EQ(segment->unread().messages, 2U);
  EXPECT_EQ(segment->unread().flows, 11U);
  EXPECT_EQ(segment->unread().octets, 110U);
  const auto first = segment->read();
  ASSERT_TRUE(first);
  const KeptMessage expected = kept_message(7, 5, 1, origin_);
  EXPECT_EQ(first->bytes, expected.bytes);
  EXPECT_EQ(first->content.flows, 5U);
  EXPECT_EQ(first->content.octets, 50U);
  EXPECT_EQ(first->kept, test::kKept);
  EXPECT_EQ(first->origin, origin_);
  EXPECT_EQ(tag_of(segment->read()->bytes), 2);
  EXPECT_FALSE(segment->read());
  EXPECT_EQ(segment->unread().messages, 0U);
}

TEST_F(SpoolSegmentTest, IsReadWhileItIsWritten) {
  const auto segment = create();
  std::error_code error;
  segment->append(kept_message(1, 1, 1, origin_), error);
  EXPECT_EQ(tags(*segment), std::vector<int>{1});
  segment->append(kept_message(2, 1, 2, origin_), error);
  EXPECT_EQ(tags(*segment), std::vector<int>{2});
}

TEST_F(SpoolSegmentTest, IsFoundAgainWithItsOriginAfterTheProcessEnded) {
  write_three();
  const auto found = SpoolSegment::recover(path_, 4);
  ASSERT_TRUE(found.segment);
  EXPECT_EQ(found.damaged, 0U);
  EXPECT_EQ(found.segment->unread().flows, 6U);
  EXPECT_EQ(found.segment->origin()->run, origin_->run);
  EXPECT_TRUE(same_session(*found.segment->origin(), *origin_));
  EXPECT_EQ(found.segment->origin()->first_messages.at(0).content.templates, 3U);
  EXPECT_EQ(tags(*found.segment), (std::vector<int>{1, 2, 3}));
}

TEST_F(SpoolSegmentTest, DoesNotRepeatWhatWasHandedOver) {
  const std::vector<DiskPlace> places = write_three();
  {
    const auto found = SpoolSegment::recover(path_, 4);
    found.segment->mark(places[0].offset, true);
    found.segment->mark(places[1].offset, true);
    found.segment->mark(places[1].offset, false);  // its connection broke
  }
  const auto found = SpoolSegment::recover(path_, 4);
  EXPECT_EQ(tags(*found.segment), (std::vector<int>{2, 3}));
}

TEST_F(SpoolSegmentTest, ToleratesAndCountsAHalfWrittenEndOfAnyLength) {
  const std::vector<DiskPlace> places = write_three();
  const auto whole = fs::file_size(path_);
  for (std::uint64_t size = whole - 1; size > places[2].offset; --size) {
    fs::resize_file(path_, size);
    const auto found = SpoolSegment::recover(path_, 4);
    ASSERT_TRUE(found.segment) << size;
    EXPECT_EQ(found.damaged, 1U) << size;
    EXPECT_EQ(tags(*found.segment), (std::vector<int>{1, 2})) << size;
  }
}

TEST_F(SpoolSegmentTest, SkipsADamagedMessageInTheMiddle) {
  const std::vector<DiskPlace> places = write_three();
  overwrite(places[1].offset + 60, 0x55);
  const auto found = SpoolSegment::recover(path_, 4);
  ASSERT_TRUE(found.segment);
  EXPECT_EQ(found.damaged, 1U);
  EXPECT_EQ(found.segment->unread().flows, 4U);
  EXPECT_EQ(tags(*found.segment), (std::vector<int>{1, 3}));
}

TEST_F(SpoolSegmentTest, GivesUpBehindALengthThatCannotBe) {
  const std::vector<DiskPlace> places = write_three();
  overwrite(places[1].offset + 1, 0x7f);
  const auto found = SpoolSegment::recover(path_, 4);
  ASSERT_TRUE(found.segment);
  EXPECT_EQ(found.damaged, 1U);
  EXPECT_EQ(tags(*found.segment), std::vector<int>{1});
}

TEST_F(SpoolSegmentTest, RefusesAFileWhoseBeginningIsDamaged) {
  write_three();
  for (const std::uint64_t offset : {0U, 16U, 24U, 28U, 70U}) {
    const auto copy = directory_.path("copy.spool");
    fs::copy_file(path_, copy, fs::copy_options::overwrite_existing);
    std::fstream file(copy, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(0x66);
    file.close();
    EXPECT_FALSE(SpoolSegment::recover(copy, 4).segment) << offset;
  }
  fs::resize_file(path_, 20);
  EXPECT_FALSE(SpoolSegment::recover(path_, 4).segment);
}

TEST_F(SpoolSegmentTest, IsDoneWhenAllWasReadAndSettled) {
  write_three();
  const auto found = SpoolSegment::recover(path_, 4);
  tags(*found.segment);
  found.segment->settle();
  found.segment->settle();
  EXPECT_FALSE(found.segment->done());
  found.segment->settle();
  EXPECT_TRUE(found.segment->done());
}

TEST_F(SpoolSegmentTest, SaysWhyItCannotBeCreated) {
  std::error_code error;
  EXPECT_FALSE(SpoolSegment::create("/nonexistent/x.spool", 0, origin_, error));
  EXPECT_EQ(error, std::errc::no_such_file_or_directory);
  create();
  EXPECT_FALSE(SpoolSegment::create(path_, 4, origin_, error));
  EXPECT_EQ(error, std::errc::file_exists);
}

}  // namespace
}  // namespace ctflow
