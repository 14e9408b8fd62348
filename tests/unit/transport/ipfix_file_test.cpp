// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/ipfix_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "support/fakes.hpp"
#include "support/longest_file.hpp"
#include "support/stream_collector.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int kFirst = 0xf0;

class IpfixFileTransportTest : public testing::Test {
 protected:
  IpfixFileTransportTest() {
    config_.name = "test";
    config_.file.directory = directory_.name();
    config_.file.name = "%H%M%S.ipfix";  // the fake clock begins at 22:13:20
  }

  std::unique_ptr<IpfixFileTransport> make() {
    auto transport = std::make_unique<IpfixFileTransport>(io_, config_, *ledger_, clock_.clock());
    transport->begin_with(test::sample_origin()->first_messages);
    return transport;
  }

  void send(IpfixFileTransport& transport, int tag, std::size_t size = 100) {
    const CountedMessage message =
        test::counted_message(sequence_++, 1, static_cast<std::uint8_t>(tag), size);
    ++offered_;
    transport.send(message.bytes, message.content);
    EXPECT_EQ(offered_, counters().flows + counters().waiting.flows + counters().lost());
  }

  [[nodiscard]] test::Received read(const std::string& file) const {
    test::Received received;
    for (const char c : directory_.content(file)) {
      received.octets.push_back(static_cast<std::byte>(c));
    }
    return received;
  }

  [[nodiscard]] const ExporterCounters& counters() const { return ledger_->counters(); }

  boost::asio::io_context io_;
  test::TemporaryDirectory directory_;
  test::FakeClock clock_;
  CollectorConfig config_;
  std::optional<ExportLedger> ledger_{std::in_place};
  std::uint32_t sequence_ = 1;
  std::uint64_t offered_ = 0;
};

TEST_F(IpfixFileTransportTest, MakesNoFileWithoutAMessage) {
  make()->stop();
  EXPECT_THAT(directory_.files(".ipfix"), IsEmpty());
  EXPECT_THAT(directory_.files(".part"), IsEmpty());
}

TEST_F(IpfixFileTransportTest, GivesTheFileItsNameWhenItIsComplete) {
  const auto transport = make();
  send(*transport, 1);
  send(*transport, 2);
  EXPECT_THAT(directory_.files(".part"), ElementsAre("221320.ipfix.part"));
  EXPECT_THAT(directory_.files(".ipfix"), IsEmpty());
  transport->stop();
  EXPECT_THAT(directory_.files(".part"), IsEmpty());
  const test::Received file = read("221320.ipfix");
  EXPECT_THAT(file.tags(), ElementsAre(kFirst, 1, 2));
  EXPECT_THAT(file.sequences(), ElementsAre(0, 1, 2));
  EXPECT_EQ(counters().flows, 2U);
  EXPECT_EQ(counters().messages, 3U);
}

TEST_F(IpfixFileTransportTest, MakesHyphensOfWhatBelongsIntoNoName) {
  config_.file.name = "%H%t%n%D.ipfix";
  const auto transport = make();
  send(*transport, 1);
  transport->stop();
  EXPECT_THAT(directory_.files(".ipfix"), ElementsAre("22--11-14-23.ipfix"));
}

TEST_F(IpfixFileTransportTest, BeginsEachFileWithTheTemplatesAndZero) {
  config_.file.size = 400;
  const auto transport = make();
  for (int i = 1; i <= 5; ++i) send(*transport, i);
  transport->stop();
  EXPECT_THAT(directory_.files(".ipfix"), ElementsAre("221320-1.ipfix", "221320.ipfix"));
  EXPECT_THAT(read("221320.ipfix").tags(), ElementsAre(kFirst, 1, 2, 3));
  EXPECT_LE(directory_.content("221320.ipfix").size(), 400U);
  EXPECT_THAT(read("221320-1.ipfix").tags(), ElementsAre(kFirst, 4, 5));
  EXPECT_THAT(read("221320-1.ipfix").sequences(), ElementsAre(0, 1, 2));
  EXPECT_EQ(counters().transport_sessions, 2U);
}

TEST_F(IpfixFileTransportTest, EndsAFileWithItsTime) {
  config_.file.interval = std::chrono::minutes(5);
  const auto transport = make();
  send(*transport, 1);
  clock_.advance(std::chrono::seconds(99));  // 22:14:59
  send(*transport, 2);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_TRUE(transport->prepare());
  send(*transport, 3);
  EXPECT_FALSE(transport->prepare());
  transport->stop();
  EXPECT_THAT(read("221320.ipfix").tags(), ElementsAre(kFirst, 1, 2));
  EXPECT_THAT(read("221500.ipfix").tags(), ElementsAre(kFirst, 3));
}

TEST_F(IpfixFileTransportTest, EndsAFileWithItsTimeWhenNothingIsSentAnyMore) {
  config_.file.interval = std::chrono::milliseconds(20);
  auto transport = std::make_unique<IpfixFileTransport>(io_, config_, *ledger_);
  transport->begin_with(test::sample_origin()->first_messages);
  send(*transport, 1);
  EXPECT_TRUE(test::run_until(io_, [&] { return directory_.files(".ipfix").size() == 1; }));
}

TEST_F(IpfixFileTransportTest, DoesNotKeepAFileOpenForEverWhenTheClockIsSetBack) {
  const auto transport = make();
  send(*transport, 1);
  clock_.advance(-std::chrono::hours(1));
  send(*transport, 2);
  EXPECT_THAT(directory_.files(".ipfix"), ElementsAre("221320.ipfix"));
}

TEST_F(IpfixFileTransportTest, SaysThatAFileIsNewOnce) {
  const auto transport = make();
  EXPECT_TRUE(transport->prepare());
  EXPECT_FALSE(transport->prepare());
  EXPECT_THAT(directory_.files(".part"), IsEmpty()) << "asking makes none";
  send(*transport, 1);
  EXPECT_FALSE(transport->prepare());
  clock_.advance(std::chrono::hours(1));
  EXPECT_TRUE(transport->prepare());
}

TEST_F(IpfixFileTransportTest, NeverOverwritesAFile) {
  std::ofstream(directory_.path("221320.ipfix")) << "somebody's";
  const auto transport = make();
  send(*transport, 1);
  transport->stop();
  EXPECT_EQ(directory_.content("221320.ipfix"), "somebody's");
  EXPECT_THAT(read("221320-1.ipfix").tags(), ElementsAre(kFirst, 1));
}

TEST_F(IpfixFileTransportTest, FindsANumberBehindAnyNumberOfFilesAndGaps) {
  config_.file.name = "day.ipfix";
  config_.file.size = 200;  // one message each
  std::ofstream(directory_.path("day.ipfix")) << "kept";
  std::ofstream(directory_.path("day-12345.ipfix")) << "kept";
  std::ofstream(directory_.path("day-12350.ipfix.part")) << "kept";
  std::ofstream(directory_.path("day-99999x.ipfix")) << "not a number";
  std::ofstream(directory_.path("other-77777.ipfix")) << "another name";
  const auto transport = make();
  for (int i = 1; i <= 3; ++i) send(*transport, i);
  transport->stop();
  EXPECT_EQ(counters().lost(), 0U);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_THAT(read("day-" + std::to_string(12'350 + i) + ".ipfix").tags(),
                ElementsAre(kFirst, i));
  }
  EXPECT_EQ(directory_.content("day.ipfix"), "kept");
  EXPECT_EQ(directory_.content("day-12345.ipfix"), "kept");
}

TEST_F(IpfixFileTransportTest, WritesMoreThanTenThousandFilesOfOneName) {
  config_.file.name = "day.ipfix";
  config_.file.size = 200;
  std::ofstream(directory_.path("day.ipfix")) << "kept";
  std::ofstream(directory_.path("day-9990.ipfix")) << "kept";
  const auto transport = make();
  constexpr int kFiles = 30;
  for (int i = 0; i < kFiles; ++i) send(*transport, 1);
  transport->stop();
  EXPECT_EQ(counters().lost(), 0U);
  EXPECT_EQ(directory_.files(".ipfix").size(), kFiles + 2U);
  EXPECT_EQ(read("day-10020.ipfix").tags().size(), 2U);
}

TEST_F(IpfixFileTransportTest, TakesAnotherNameWhenItsOwnWasTakenMeanwhile) {
  const auto transport = make();
  send(*transport, 1);
  std::ofstream(directory_.path("221320.ipfix")) << "somebody's";
  transport->stop();
  EXPECT_EQ(directory_.content("221320.ipfix"), "somebody's");
  EXPECT_THAT(read("221320-1.ipfix").tags(), ElementsAre(kFirst, 1));
}

TEST_F(IpfixFileTransportTest, TakesOutAMessageThatTheDiskHasNoRoomFor) {
  bool allowed = true;
  std::thread([&] {
    // A file system of two pages, in a mount namespace of this thread.
    allowed = unshare(CLONE_NEWNS) == 0 &&
              mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
              mount("none", directory_.name().c_str(), "tmpfs", 0, "size=8k") == 0;
    if (!allowed) return;
    const auto transport = make();
    send(*transport, 1, 4000);
    send(*transport, 2, 5000);
    EXPECT_EQ(counters().lost_write_error.flows, 1U);
    EXPECT_FALSE(transport->connected());
    transport->prepare();
    EXPECT_TRUE(transport->connected()) << "as far as is known";
    send(*transport, 3);
    EXPECT_TRUE(transport->connected());
    transport->stop();
    EXPECT_THAT(directory_.files(".ipfix"), ElementsAre("221320.ipfix")) << "no other one has room";
    const test::Received file = read("221320.ipfix");
    EXPECT_THAT(file.tags(), ElementsAre(kFirst, 1, 3));
    EXPECT_EQ(file.octets.size(), 4160U) << "nothing of the lost message is left";
    EXPECT_THAT(file.sequences(), ElementsAre(0, 1, 3)) << "the gap tells of it";
    umount(directory_.name().c_str());
  }).join();
  if (!allowed) GTEST_SKIP() << "a file system of its own needs root";
}

TEST_F(IpfixFileTransportTest, BeginsAnotherFileWhenOneCannotGrow) {
  const auto transport = make();
  send(*transport, 1);
  {
    const test::LongestFile limit(210);
    send(*transport, 2);
    send(*transport, 3);
    EXPECT_EQ(counters().lost(), 0U);
    EXPECT_TRUE(transport->connected());
    send(*transport, 4, 200);
    EXPECT_EQ(counters().lost_write_error.flows, 1U) << "no file can take this one";
    EXPECT_FALSE(transport->connected());
  }
  send(*transport, 5);
  transport->stop();
  EXPECT_THAT(directory_.files(".ipfix"),
              ElementsAre("221320-1.ipfix", "221320-2.ipfix", "221320-3.ipfix", "221320.ipfix"));
  EXPECT_THAT(read("221320.ipfix").tags(), ElementsAre(kFirst, 1));
  EXPECT_THAT(read("221320-1.ipfix").tags(), ElementsAre(kFirst, 2));
  EXPECT_THAT(read("221320-2.ipfix").tags(), ElementsAre(kFirst, 3));
  EXPECT_THAT(read("221320-3.ipfix").tags(), ElementsAre(kFirst, 5));
  EXPECT_EQ(counters().transport_sessions, 4U);
}

TEST_F(IpfixFileTransportTest, LeavesNoFileBehindThatHasOnlyTemplates) {
  {
    const test::LongestFile limit(100);
    const auto transport = make();
    for (int i = 1; i <= 3; ++i) send(*transport, i);
    transport->stop();
  }
  EXPECT_EQ(counters().lost_write_error.flows, 3U);
  EXPECT_EQ(counters().transport_sessions, 0U);
  EXPECT_EQ(counters().messages, 0U);
  EXPECT_THAT(directory_.files(".ipfix"), IsEmpty());
  EXPECT_THAT(directory_.files(".part"), IsEmpty());
}

TEST_F(IpfixFileTransportTest, CompletesLaterAFileThatCouldNotGetItsName) {
  const auto transport = make();
  send(*transport, 1);
  // Its directory is away for a while.
  const std::string elsewhere = directory_.name() + "-elsewhere";
  std::filesystem::rename(directory_.name(), elsewhere);
  clock_.advance(std::chrono::hours(1));
  EXPECT_TRUE(transport->prepare());
  EXPECT_FALSE(transport->status().last_failure.reason.empty());
  std::filesystem::rename(elsewhere, directory_.name());
  EXPECT_THAT(directory_.files(".part"), ElementsAre("221320.ipfix.part"));
  send(*transport, 2);
  EXPECT_THAT(read("221320.ipfix").tags(), ElementsAre(kFirst, 1));
  transport->stop();
  EXPECT_THAT(directory_.files(".ipfix"), ElementsAre("221320.ipfix", "231320.ipfix"));
}

TEST_F(IpfixFileTransportTest, CountsEverythingAsLostWithoutItsDirectory) {
  config_.file.directory += "/missing";
  const auto transport = make();
  transport->prepare();
  send(*transport, 1);
  send(*transport, 2);
  EXPECT_EQ(counters().lost_write_error.flows, 2U);
  EXPECT_EQ(counters().lost_write_error.octets, 20U);
}

TEST_F(IpfixFileTransportTest, CompletesWhatAnEarlierProcessLeft) {
  const auto first = test::counted_message(0, 1, 7).bytes;
  {
    std::ofstream part(directory_.path("old.ipfix.part"), std::ios::binary);
    part.write(reinterpret_cast<const char*>(first.data()), 100);
    part.write(reinterpret_cast<const char*>(first.data()), 50);  // half a message
  }
  std::ofstream(directory_.path("download.part")) << "not ours at all";
  const auto transport = make();
  send(*transport, 1);
  EXPECT_THAT(read("old.ipfix").tags(), ElementsAre(7));
  EXPECT_EQ(directory_.content("old.ipfix").size(), 100U);
  EXPECT_THAT(directory_.files(".part"), ElementsAre("221320.ipfix.part", "download.part"));
}

TEST_F(IpfixFileTransportTest, LeavesAFileAloneThatAnotherProcessWrites) {
  const auto other = make();
  send(*other, 1);
  CollectorConfig config = config_;
  config.file.name = "other.ipfix";
  ExportLedger ledger;
  IpfixFileTransport transport(io_, config, ledger, clock_.clock());
  transport.begin_with(test::sample_origin()->first_messages);
  const CountedMessage message = test::counted_message(1, 1);
  transport.send(message.bytes, message.content);
  EXPECT_THAT(directory_.files(".part"), ElementsAre("221320.ipfix.part", "other.ipfix.part"));
}

}  // namespace
}  // namespace ctflow
