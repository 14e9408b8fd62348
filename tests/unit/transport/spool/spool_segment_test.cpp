// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool_segment.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/faulty_files.hpp"
#include "support/kept_messages.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;
using test::kept_message;
using test::tag_of;
using State = SpoolSegment::State;

class SpoolSegmentTest : public testing::Test {
 protected:
  std::unique_ptr<SpoolSegment> create() {
    std::error_code error;
    auto segment = SpoolSegment::create(files_, path_, 4, origin_, error);
    EXPECT_FALSE(error) << error.message();
    return segment;
  }

  static DiskPlace append(SpoolSegment& segment, std::uint8_t tag, const KeptMessage& message,
                          State state = State::kWaits) {
    std::error_code error;
    const DiskPlace place = segment.append(message, state, error);
    EXPECT_FALSE(error) << error.message() << " " << int{tag};
    return place;
  }

  /// A file with three messages of 1, 2 and 3 flows.
  std::vector<DiskPlace> write_three() {
    const auto segment = create();
    std::vector<DiskPlace> places;
    for (std::uint8_t i = 1; i <= 3; ++i) {
      places.push_back(append(*segment, i, kept_message(i, i, i, origin_)));
    }
    return places;
  }

  /// As the next process finds it; what is in it is in found_.
  std::unique_ptr<SpoolSegment> recover(const std::string& path,
                                        std::size_t at_a_time = std::size_t{1} << 20) {
    found_ = {};
    auto segment =
        std::make_unique<SpoolSegment>(files_, path, 4, std::uint64_t{fs::file_size(path)});
    EXPECT_FALSE(segment->open());
    for (slices_ = 0; !segment->scanned(); ++slices_) {
      std::size_t budget = at_a_time;
      EXPECT_FALSE(segment->scan(budget, found_));
    }
    return segment;
  }
  std::unique_ptr<SpoolSegment> recover() { return recover(path_); }

  static void overwrite(const std::string& path, std::uint64_t offset, char value) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(value);
  }

  static char octet_at(const std::string& path, std::uint64_t offset) {
    std::ifstream file(path, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    return static_cast<char>(file.get());
  }

  static std::optional<KeptMessage> take(SpoolSegment& segment) {
    std::error_code error;
    auto message = segment.take(false, error);
    EXPECT_FALSE(error) << error.message();
    return message;
  }

  static std::vector<int> tags(SpoolSegment& segment) {
    std::vector<int> all;
    while (const auto message = take(segment)) all.push_back(tag_of(message->bytes));
    return all;
  }

  test::FaultyFiles files_;
  test::TemporaryDirectory directory_;
  std::string path_ = directory_.path("one.spool");
  std::shared_ptr<const Origin> origin_ = test::sample_origin();
  Recovered found_;
  int slices_ = 0;
};

TEST_F(SpoolSegmentTest, GivesMessagesBackInTheirOrder) {
  const auto segment = create();
  append(*segment, 1, kept_message(7, 5, 1, origin_));
  append(*segment, 2, kept_message(12, 6, 2, origin_));
  EXPECT_EQ(segment->unread().messages, 2U);
  EXPECT_EQ(segment->unread().flows, 11U);
  EXPECT_EQ(segment->unread().octets, 110U);
  const auto first = take(*segment);
  ASSERT_TRUE(first);
  const KeptMessage expected = kept_message(7, 5, 1, origin_);
  EXPECT_EQ(first->bytes, expected.bytes);
  EXPECT_EQ(first->content.flows, 5U);
  EXPECT_EQ(first->content.octets, 50U);
  EXPECT_EQ(first->kept, test::kKept);
  EXPECT_EQ(first->origin, origin_);
  EXPECT_EQ(tag_of(take(*segment)->bytes), 2);
  EXPECT_FALSE(take(*segment));
  EXPECT_EQ(segment->unread().messages, 0U);
}

TEST_F(SpoolSegmentTest, IsReadWhileItIsWritten) {
  const auto segment = create();
  append(*segment, 1, kept_message(1, 1, 1, origin_));
  EXPECT_EQ(tags(*segment), std::vector<int>{1});
  append(*segment, 2, kept_message(2, 1, 2, origin_));
  EXPECT_EQ(tags(*segment), std::vector<int>{2});
}

TEST_F(SpoolSegmentTest, IsFoundAgainWithItsOriginAfterTheProcessEnded) {
  write_three();
  const auto segment = recover();
  ASSERT_TRUE(segment->usable());
  EXPECT_EQ(found_.damaged, 0U);
  EXPECT_EQ(found_.waiting.flows, 6U);
  EXPECT_EQ(found_.doubtful.flows, 0U);
  EXPECT_EQ(segment->unread().flows, 6U);
  EXPECT_EQ(segment->origin()->run, origin_->run);
  EXPECT_TRUE(same_session(*segment->origin(), *origin_));
  EXPECT_EQ(segment->origin()->first_messages.at(0).content.templates, 3U);
  EXPECT_EQ(tags(*segment), (std::vector<int>{1, 2, 3}));
}

TEST_F(SpoolSegmentTest, DoesNotRepeatWhatWasHandedOver) {
  write_three();
  {
    const auto segment = recover();
    std::vector<KeptMessage> taken;
    taken.reserve(3);
    for (int i = 0; i < 3; ++i) taken.push_back(*take(*segment));
    EXPECT_FALSE(segment->mark(taken[0].place->offset, State::kHandedOver));
    EXPECT_FALSE(segment->mark(taken[1].place->offset, State::kHandedOver));
    EXPECT_FALSE(segment->give_back(taken[1].place->offset, true));   // its connection broke
    EXPECT_FALSE(segment->give_back(taken[2].place->offset, false));  // … and it had not left
  }
  const auto segment = recover();
  EXPECT_EQ(found_.waiting.flows, 5U);
  EXPECT_EQ(found_.doubtful.flows, 2U) << "the second may arrive twice";
  EXPECT_EQ(tags(*segment), (std::vector<int>{2, 3}));
}

TEST_F(SpoolSegmentTest, CallsDoubtfulWhatWasTakenWhenTheProcessEnded) {
  write_three();
  {
    const auto segment = recover();
    static_cast<void>(take(*segment));
  }
  recover();
  EXPECT_EQ(found_.waiting.flows, 6U);
  EXPECT_EQ(found_.doubtful.flows, 1U);
}

TEST_F(SpoolSegmentTest, GivesAgainInItsOrderWhatWasGivenBack) {
  write_three();
  const auto segment = recover();
  std::vector<KeptMessage> taken;
  taken.reserve(3);
  for (int i = 0; i < 3; ++i) taken.push_back(*take(*segment));
  EXPECT_FALSE(segment->mark(taken[0].place->offset, State::kHandedOver));
  segment->settle(taken[0].place->offset);
  for (const std::size_t i : {2U, 1U})
    EXPECT_FALSE(segment->give_back(taken[i].place->offset, true));
  EXPECT_EQ(segment->unread().flows, 5U);
  EXPECT_EQ(tags(*segment), (std::vector<int>{2, 3}));
  EXPECT_FALSE(segment->done());
}

TEST_F(SpoolSegmentTest, KeepsWhatIsOnItsWayWithoutGivingItOut) {
  {
    const auto segment = create();
    append(*segment, 1, kept_message(1, 1, 1, origin_));
    const DiskPlace flying = append(*segment, 2, kept_message(2, 1, 2, origin_), State::kTaken);
    append(*segment, 3, kept_message(3, 1, 3, origin_));
    EXPECT_EQ(tags(*segment), (std::vector<int>{1, 3}));
    EXPECT_FALSE(segment->give_back(flying.offset, true));
    EXPECT_EQ(tags(*segment), std::vector<int>{2});
  }
  recover();
  EXPECT_EQ(found_.waiting.flows, 3U);
}

TEST_F(SpoolSegmentTest, ToleratesAndCountsAHalfWrittenEndOfAnyLength) {
  const std::vector<DiskPlace> places = write_three();
  const auto whole = fs::file_size(path_);
  for (std::uint64_t size = whole - 1; size > places[2].offset; --size) {
    fs::resize_file(path_, size);
    const auto segment = recover();
    ASSERT_TRUE(segment->usable()) << size;
    EXPECT_EQ(found_.damaged, 1U) << size;
    EXPECT_EQ(tags(*segment), (std::vector<int>{1, 2})) << size;
    // Those that were taken wait again.
    for (const DiskPlace& place : {places[0], places[1]}) overwrite(path_, place.offset, 0);
  }
}

TEST_F(SpoolSegmentTest, EndsAtZerosAsAPowerFailureLeavesThem) {
  write_three();
  fs::resize_file(path_, std::uint64_t{1} << 30);  // sparse: read record by record it would last
  const auto segment = recover();
  EXPECT_EQ(found_.damaged, 1U);
  EXPECT_EQ(found_.waiting.flows, 6U);
  EXPECT_EQ(tags(*segment), (std::vector<int>{1, 2, 3}));
}

TEST_F(SpoolSegmentTest, SkipsADamagedMessageInTheMiddle) {
  const std::vector<DiskPlace> places = write_three();
  overwrite(path_, places[1].offset + 60, 0x55);
  const auto segment = recover();
  EXPECT_EQ(found_.damaged, 1U);
  EXPECT_EQ(segment->unread().flows, 4U);
  EXPECT_EQ(tags(*segment), (std::vector<int>{1, 3}));
}

TEST_F(SpoolSegmentTest, GivesUpBehindALengthThatCannotBe) {
  const std::vector<DiskPlace> places = write_three();
  overwrite(path_, places[1].offset + 1, 0x7f);
  const auto segment = recover();
  EXPECT_EQ(found_.damaged, 1U);
  EXPECT_EQ(tags(*segment), std::vector<int>{1});
}

TEST_F(SpoolSegmentTest, CountsWhatIsInAFileWhoseBeginningIsDamaged) {
  write_three();
  const auto copy = directory_.path("copy.spool");
  for (const std::uint64_t offset : {0U, 16U, 24U, 28U, 70U}) {
    fs::copy_file(path_, copy, fs::copy_options::overwrite_existing);
    overwrite(copy, offset, octet_at(copy, offset) == 0x66 ? 0x67 : 0x66);
    EXPECT_FALSE(recover(copy)->usable()) << offset;
    EXPECT_EQ(found_.damaged, 1U) << offset;
    // Where the records begin is known unless the magic or the length are damaged.
    EXPECT_EQ(found_.lost.flows, offset == 0 || offset == 24 ? 0U : 6U) << offset;
    EXPECT_EQ(found_.waiting.flows, found_.lost.flows) << offset;
  }
  for (const std::uint64_t size : {0U, 20U, 40U}) {
    fs::resize_file(path_, size);
    EXPECT_FALSE(recover(path_)->usable()) << size;
    EXPECT_EQ(found_.damaged, 1U) << size;
  }
}

TEST_F(SpoolSegmentTest, KeepsAsideADamagedFileBesideAnEarlierOneOfItsName) {
  for (int i = 0; i < 3; ++i) {
    write_three();
    overwrite(path_, 0, 'x');
    EXPECT_FALSE(recover()->remove());
  }
  EXPECT_EQ(directory_.files(".damaged").size(), 3U);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(SpoolSegmentTest, IsReadALittleAtATimeWithTheSameResult) {
  {
    const auto segment = create();
    for (int i = 0; i < 5000; ++i) append(*segment, 1, kept_message(1, 1, 1, origin_));
  }
  recover();
  EXPECT_EQ(slices_, 1);
  recover(path_, 1000);
  EXPECT_EQ(found_.waiting.flows, 5000U);
  EXPECT_EQ(found_.damaged, 0U);
  EXPECT_GE(slices_, 5);
}

TEST_F(SpoolSegmentTest, TakesNoErrorForDamage) {
  write_three();
  SpoolSegment segment(files_, path_, 4, std::uint64_t{fs::file_size(path_)});
  files_.on_open = EMFILE;
  EXPECT_EQ(segment.open(), std::errc::too_many_files_open);
  files_.on_open = 0;
  EXPECT_FALSE(segment.open());
  files_.on_read = EIO;
  std::size_t budget = 1000;
  EXPECT_EQ(segment.scan(budget, found_), std::errc::io_error);
  EXPECT_FALSE(segment.scanned());
  EXPECT_EQ(found_.damaged, 0U);
  files_.on_read = 0;
  EXPECT_FALSE(segment.scan(budget, found_));
  EXPECT_EQ(found_.waiting.flows, 6U);
  files_.on_read = EIO;
  std::error_code error;
  EXPECT_FALSE(segment.take(false, error));
  EXPECT_EQ(error, std::errc::io_error);
  EXPECT_EQ(segment.unread().flows, 6U);
  files_.on_read = 0;
  EXPECT_EQ(tags(segment), (std::vector<int>{1, 2, 3}));
}

TEST_F(SpoolSegmentTest, GivesOutNothingThatTheDiskCannotNote) {
  write_three();
  const auto segment = recover();
  files_.turn_read_only();
  std::error_code error;
  EXPECT_FALSE(segment->take(true, error));
  EXPECT_EQ(error, std::errc::read_only_file_system);
  EXPECT_EQ(segment->unread().messages, 3U);
  files_.recover();
  EXPECT_EQ(tags(*segment), (std::vector<int>{1, 2, 3}));
}

TEST_F(SpoolSegmentTest, IsSentWithoutANoteWhereOnlyRoomIsMissing) {
  write_three();
  const auto segment = recover();
  files_.on_write = ENOSPC;
  std::error_code error;
  EXPECT_FALSE(segment->take(false, error));
  EXPECT_EQ(error, std::errc::no_space_on_device);
  error.clear();
  EXPECT_TRUE(segment->take(true, error));
  EXPECT_TRUE(segment->unrecorded());
}

TEST_F(SpoolSegmentTest, OwesTheDiskWhatCouldNotBeWritten) {
  write_three();
  const auto segment = recover();
  std::vector<KeptMessage> taken;
  taken.reserve(3);
  for (int i = 0; i < 3; ++i) taken.push_back(*take(*segment));
  files_.turn_read_only();
  EXPECT_EQ(segment->mark(taken[0].place->offset, State::kHandedOver),
            std::errc::read_only_file_system);
  segment->settle(taken[0].place->offset);
  EXPECT_EQ(segment->give_back(taken[2].place->offset, false), std::errc::read_only_file_system);
  EXPECT_TRUE(segment->owes());
  EXPECT_EQ(segment->sent_unrecorded().flows, 1U);
  EXPECT_TRUE(segment->repair());
  EXPECT_EQ(segment->sent_unrecorded().flows, 1U);
  files_.recover();
  EXPECT_FALSE(segment->repair());
  EXPECT_FALSE(segment->owes());
  EXPECT_EQ(segment->sent_unrecorded().flows, 0U);
  EXPECT_EQ(tags(*segment), std::vector<int>{3}) << "the second is on its way";
}

TEST_F(SpoolSegmentTest, IsDoneWhenAllWasTakenAndSettled) {
  const std::vector<DiskPlace> places = write_three();
  const auto segment = recover();
  tags(*segment);
  segment->settle(places[0].offset);
  segment->settle(places[1].offset);
  EXPECT_FALSE(segment->done());
  segment->settle(places[2].offset);
  EXPECT_TRUE(segment->done());
}

TEST_F(SpoolSegmentTest, NoticesThatItsFileIsGone) {
  const auto segment = create();
  append(*segment, 1, kept_message(1, 1, 1, origin_));
  EXPECT_EQ(segment->gone(), std::optional(false));
  fs::resize_file(path_, fs::file_size(path_) - 1);
  EXPECT_EQ(segment->gone(), std::optional(true)) << "not whole any more";
  fs::remove(path_);
  EXPECT_EQ(segment->gone(), std::optional(true));
  fs::create_directory(path_);
  EXPECT_EQ(segment->gone(), std::optional(true)) << "something else of its name";
}

TEST_F(SpoolSegmentTest, SaysWhyItCannotBeCreated) {
  std::error_code error;
  EXPECT_FALSE(SpoolSegment::create(files_, "/nonexistent/x.spool", 0, origin_, error));
  EXPECT_EQ(error, std::errc::no_such_file_or_directory);
  create();
  EXPECT_FALSE(SpoolSegment::create(files_, path_, 4, origin_, error));
  EXPECT_EQ(error, std::errc::file_exists);
}

}  // namespace
}  // namespace ctflow
