// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/event_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_file.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;

std::vector<std::byte> datagram(std::size_t length, int fill) {
  return std::vector<std::byte>(length, static_cast<std::byte>(fill));
}

class EventFileTest : public testing::Test {
 protected:
  void overwrite(const std::string& content) const {
    std::ofstream(name_, std::ios::binary) << content;
  }
  [[nodiscard]] std::string content() const {
    std::ifstream file(name_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::string open_error() const {
    try {
      EventFileReader reader(name_);
    } catch (const EventFileError& error) {
      return error.what();
    }
    return "opened";
  }

  test::TemporaryFile file_;
  std::string name_ = file_.name();
};

TEST_F(EventFileTest, GivesBackWhatWasWritten) {
  const TimePoint time(std::chrono::nanoseconds(1'700'000'000'123'456'789));
  {
    EventFileWriter writer(name_);
    writer.on_datagram(datagram(300, 1), Instant{time, {}});
    writer.on_datagram(datagram(8192, 2), Instant{time + std::chrono::nanoseconds(1), {}});
    writer.on_batch_end();
    EXPECT_EQ(writer.datagrams(), 2U);
  }
  EventFileReader reader(name_);
  Bytes bytes;
  TimePoint read_time;
  ASSERT_TRUE(reader.next(bytes, read_time));
  EXPECT_THAT(bytes, testing::ElementsAreArray(datagram(300, 1)));
  EXPECT_EQ(read_time, time);
  ASSERT_TRUE(reader.next(bytes, read_time));
  EXPECT_THAT(bytes, testing::ElementsAreArray(datagram(8192, 2)));
  EXPECT_EQ(read_time, time + std::chrono::nanoseconds(1));
  EXPECT_FALSE(reader.next(bytes, read_time));
}

TEST_F(EventFileTest, IsReadableWhileItIsWritten) {
  EventFileWriter writer(name_);
  writer.on_datagram(datagram(300, 1), Instant{});
  writer.on_batch_end();
  EventFileReader reader(name_);
  Bytes bytes;
  TimePoint time;
  EXPECT_TRUE(reader.next(bytes, time));
}

TEST_F(EventFileTest, SkipsOtherNetlinkFamilies) {
  {
    EventFileWriter writer(name_);
    writer.on_datagram(datagram(100, 1), Instant{});
    writer.on_datagram(datagram(200, 2), Instant{});
  }
  std::string bytes_of_file = content();
  constexpr std::size_t kFileHeader = 24;
  constexpr std::size_t kFamilyOffset = kFileHeader + 16 + 15;
  ASSERT_EQ(bytes_of_file[kFamilyOffset], NETLINK_NETFILTER);
  bytes_of_file[kFamilyOffset] = NETLINK_ROUTE;
  overwrite(bytes_of_file);
  EventFileReader reader(name_);
  Bytes bytes;
  TimePoint time;
  ASSERT_TRUE(reader.next(bytes, time));
  EXPECT_EQ(bytes.size(), 200U);
  EXPECT_FALSE(reader.next(bytes, time));
}

TEST_F(EventFileTest, RefusesWhatIsNoCaptureFile) {
  overwrite("this is not a capture file, though it is long enough to be one");
  EXPECT_THAT(open_error(), HasSubstr(name_));
  overwrite("");
  EXPECT_THAT(open_error(), HasSubstr(name_));
}

TEST_F(EventFileTest, RefusesACaptureOfAnotherLinkType) {
  { EventFileWriter writer(name_); }
  std::string header = content();
  constexpr std::size_t kLinkType = 20;
  header[kLinkType] = 1;  // Ethernet
  overwrite(header);
  EXPECT_THAT(open_error(), HasSubstr("expected a capture of link type NETLINK"));
}

TEST_F(EventFileTest, ReportsAFileThatEndsInTheMiddle) {
  {
    EventFileWriter writer(name_);
    writer.on_datagram(datagram(300, 1), Instant{});
  }
  overwrite(content().substr(0, 100));
  EventFileReader reader(name_);
  Bytes bytes;
  TimePoint time;
  EXPECT_THROW(reader.next(bytes, time), EventFileError);
}

TEST_F(EventFileTest, NamesTheFileThatCannotBeOpened) {
  EXPECT_THROW(EventFileWriter("/nonexistent/folder/file"), EventFileError);
  try {
    EventFileReader reader("/nonexistent/file");
    FAIL() << "opened";
  } catch (const EventFileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nonexistent/file"));
  }
}

TEST_F(EventFileTest, ReportsAFullDisk) {
  EventFileWriter writer("/dev/full");
  writer.on_datagram(datagram(300, 1), Instant{});
  EXPECT_THROW(writer.on_batch_end(), EventFileError);
}

}  // namespace
}  // namespace ctflow
