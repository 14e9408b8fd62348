// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/event_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "support/event_builder.hpp"
#include "support/foreign_order.hpp"
#include "support/source_directory.hpp"
#include "support/temporary_directory.hpp"
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
  test::TemporaryDirectory directory_;
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

TEST_F(EventFileTest, GivesBackTimeoutsInTheirPlaceAndOfEitherByteOrder) {
  const TimePoint time(std::chrono::nanoseconds(1'700'000'000'123'456'789));
  Timeouts first;
  first.udp = std::chrono::seconds(11);
  Timeouts second = first;
  second.dccp[7] = std::chrono::seconds(12);
  {
    EventFileWriter writer(name_);
    writer.on_timeouts(first, time);
    const test::Octets event = test::nat_tcp_event();
    writer.on_datagram(std::as_bytes(std::span(event)), Instant{time, {}});
    writer.on_timeouts(second, time + std::chrono::seconds(5));
    EXPECT_EQ(writer.datagrams(), 1U);
  }
  for (const std::string& content : {content(), test::ForeignOrder::file(content())}) {
    overwrite(content);
    EventFileReader reader(name_);
    std::vector<std::pair<Timeouts, TimePoint>> found;
    reader.on_timeouts([&](const TimeoutsRead& read, TimePoint at) {
      EXPECT_FALSE(read.failure);
      found.emplace_back(read.values, at);
    });
    Bytes bytes;
    TimePoint read_time;
    ASSERT_TRUE(reader.next(bytes, read_time));
    EXPECT_THAT(found, testing::ElementsAre(std::pair{first, time}));
    EXPECT_FALSE(reader.next(bytes, read_time));
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[1], (std::pair{second, time + std::chrono::seconds(5)}));
    EXPECT_EQ(reader.skipped(), 0U);
  }
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

TEST_F(EventFileTest, KeepsTimesBeyond2038) {
  const TimePoint time(std::chrono::seconds(3'000'000'000) + std::chrono::nanoseconds(7));  // 2065
  {
    EventFileWriter writer(name_);
    writer.on_datagram(datagram(300, 1), Instant{time, {}});
  }
  EventFileReader reader(name_);
  Bytes bytes;
  TimePoint read_time;
  ASSERT_TRUE(reader.next(bytes, read_time));
  EXPECT_EQ(read_time, time);
}

TEST_F(EventFileTest, ReadsARecordingOfTheOtherByteOrderAsItWasThere) {
  const std::string native = test::source_directory() + "/tests/golden/events.pcap";
  std::ifstream in(native, std::ios::binary);
  overwrite(test::ForeignOrder::file({std::istreambuf_iterator<char>(in), {}}));
  EventFileReader here(native);
  EventFileReader there(name_);
  int datagrams = 0;
  for (;; ++datagrams) {
    Bytes expected;
    Bytes bytes;
    TimePoint expected_time;
    TimePoint time;
    const bool more = here.next(expected, expected_time);
    ASSERT_EQ(there.next(bytes, time), more);
    if (!more) break;
    EXPECT_EQ(time, expected_time);
    ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end()))
        << "datagram " << datagrams;
  }
  EXPECT_GT(datagrams, 5);
}

TEST_F(EventFileTest, BelievesTheDatagramsMoreThanTheFile) {
  // A program on a machine of the other order wrote the file anew: its headers are turned, the
  // datagrams are not.
  const test::Octets event = test::nat_tcp_event();
  const Bytes octets = std::as_bytes(std::span(event));
  {
    EventFileWriter writer(name_);
    writer.on_datagram(octets, Instant{});
  }
  const std::string native = content();
  std::string turned = test::ForeignOrder::file(native);
  turned.replace(turned.size() - event.size(), event.size(), native, native.size() - event.size(),
                 event.size());
  overwrite(turned);
  EventFileReader reader(name_);
  Bytes bytes;
  TimePoint time;
  ASSERT_TRUE(reader.next(bytes, time));
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), octets.begin(), octets.end()));
}

TEST_F(EventFileTest, IsForItsOwnerOnly) {
  const auto mode = [](const std::string& name) {
    struct stat status {};
    EXPECT_EQ(stat(name.c_str(), &status), 0);
    return status.st_mode & 07777;
  };
  const std::string fresh = directory_.name() + "/fresh";
  const mode_t before = umask(0);
  { EventFileWriter writer(fresh); }
  umask(before);
  EXPECT_EQ(mode(fresh), 0600U);
  overwrite("something that anybody could read");
  chmod(name_.c_str(), 0644);
  { EventFileWriter writer(name_); }
  EXPECT_EQ(mode(name_), 0600U);
  EXPECT_EQ(content().find("something"), std::string::npos);
}

TEST_F(EventFileTest, OverwritesNothingThroughALink) {
  overwrite("precious");
  const std::string soft = directory_.name() + "/soft";
  const std::string hard = directory_.name() + "/hard";
  ASSERT_EQ(symlink(name_.c_str(), soft.c_str()), 0);
  try {
    EventFileWriter writer(soft);
    FAIL() << "followed a symbolic link";
  } catch (const EventFileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("symbolic link"));
  }
  std::filesystem::create_hard_link(name_, hard);
  EXPECT_THROW(EventFileWriter{hard}, EventFileError);
  EXPECT_EQ(content(), "precious");
}

}  // namespace
}  // namespace ctflow
