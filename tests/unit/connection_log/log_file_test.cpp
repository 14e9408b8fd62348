// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/log_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "support/fakes.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class LogFileTest : public testing::Test {
 protected:
  LogFile make(const RotationConfig& rotate = {}) {
    return LogFile{directory_.path("log.json"), rotate, clock_.clock()};
  }
  std::error_code append(LogFile& file, std::string_view lines) {
    return file.append(lines, clock_.now().wall);
  }
  [[nodiscard]] std::string content(const std::string& name = "log.json") const {
    return directory_.content(name);
  }
  /// Names of all files but the current one, in order.
  [[nodiscard]] std::vector<std::string> others() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_.name())) {
      const std::string name = entry.path().filename().string();
      if (name != "log.json") names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void put(const std::string& name, const std::string& text) {
    std::ofstream(directory_.path(name), std::ios::binary) << text;
  }

  test::TemporaryDirectory directory_;
  test::FakeClock clock_;  // 2023-11-14T22:13:20Z
};

TEST_F(LogFileTest, AppendsToWhatIsThere) {
  put("log.json", "{1}\n");
  LogFile file = make();
  EXPECT_FALSE(append(file, "{2}\n"));
  EXPECT_FALSE(append(file, "{3}\n"));
  EXPECT_EQ(content(), "{1}\n{2}\n{3}\n");
  EXPECT_EQ(file.take_news().torn, 0U);
}

TEST_F(LogFileTest, BeginsOnALineOfItsOwnBehindATornOne) {
  put("log.json", "{1}\n{\"v\":1,\"eve");
  LogFile file = make();
  EXPECT_FALSE(append(file, "{2}\n"));
  EXPECT_EQ(content(), "{1}\n{\"v\":1,\"eve\n{2}\n");
  EXPECT_EQ(file.take_news().torn, 1U);
}

TEST_F(LogFileTest, IsReadableForItsGroupOnly) {
  LogFile file = make();
  EXPECT_FALSE(append(file, "{1}\n"));
  EXPECT_EQ(fs::status(directory_.path("log.json")).permissions() & fs::perms::others_all,
            fs::perms::none);
}

TEST_F(LogFileTest, OpensANewFileWhereItWasRenamedAndToldSo) {
  LogFile file = make();
  append(file, "{1}\n");
  fs::rename(directory_.path("log.json"), directory_.path("log.json.1"));
  EXPECT_FALSE(append(file, "{2}\n")) << "nobody said so yet";
  file.reopen();
  EXPECT_FALSE(append(file, "{3}\n"));
  EXPECT_EQ(content("log.json.1"), "{1}\n{2}\n");
  EXPECT_EQ(content(), "{3}\n");
}

TEST_F(LogFileTest, NoticesWithinASecondThatItWasRemoved) {
  LogFile file = make();
  append(file, "{1}\n");
  fs::remove(directory_.path("log.json"));
  clock_.advance(seconds(1));
  EXPECT_FALSE(append(file, "{2}\n"));
  EXPECT_EQ(content(), "{2}\n");
}

TEST_F(LogFileTest, GoesOnBehindAFileThatWasCut) {
  LogFile file = make();
  append(file, "{1}\n");
  fs::resize_file(directory_.path("log.json"), 0);  // copytruncate of logrotate
  EXPECT_FALSE(append(file, "{2}\n"));
  EXPECT_EQ(content(), "{2}\n");
}

TEST_F(LogFileTest, RotatesBeforeItGetsTooLarge) {
  LogFile file = make({.size = 10, .interval = {}, .keep = 0});
  for (const char* line : {"{11}\n", "{22}\n", "{33}\n"}) EXPECT_FALSE(append(file, line));
  EXPECT_THAT(others(), testing::ElementsAre("log.json.20231114T221320Z"));
  EXPECT_EQ(content(others()[0]), "{11}\n{22}\n");
  EXPECT_EQ(content(), "{33}\n");
  EXPECT_EQ(file.take_news().rotated, 1U);
}

TEST_F(LogFileTest, WritesLinesThatAreLargerThanAFileMayBe) {
  LogFile file = make({.size = 4, .interval = {}, .keep = 0});
  EXPECT_FALSE(append(file, "{12345}\n"));
  EXPECT_FALSE(append(file, "{67890}\n"));
  EXPECT_EQ(content(), "{67890}\n");
  EXPECT_EQ(others().size(), 1U);
}

TEST_F(LogFileTest, NeverOverwritesAnOlderFile) {
  LogFile file = make({.size = 4, .interval = {}, .keep = 0});
  put("log.json.20231114T221320Z", "old");
  for (const char* line : {"{1}\n", "{2}\n", "{3}\n"}) EXPECT_FALSE(append(file, line));
  EXPECT_THAT(others(),
              testing::ElementsAre("log.json.20231114T221320Z", "log.json.20231114T221320Z-1",
                                   "log.json.20231114T221320Z-2"));
  EXPECT_EQ(content("log.json.20231114T221320Z"), "old");
  EXPECT_EQ(content("log.json.20231114T221320Z-2"), "{2}\n");
}

TEST_F(LogFileTest, RotatesWhenTheIntervalIsOver) {
  LogFile file = make({.size = 0, .interval = hours(1), .keep = 0});
  append(file, "{1}\n");
  clock_.advance(minutes(46));  // 22:59:20
  append(file, "{2}\n");
  EXPECT_TRUE(others().empty());
  clock_.advance(minutes(1));
  append(file, "{3}\n");
  EXPECT_THAT(others(), testing::ElementsAre("log.json.20231114T230020Z"));
  EXPECT_EQ(content(), "{3}\n");
}

TEST_F(LogFileTest, RotatesAFileOfAnEarlierIntervalThatItFinds) {
  put("log.json", "{1}\n");
  timespec times[2] = {{1'700'000'000 - 7200, 0}, {1'700'000'000 - 7200, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, directory_.path("log.json").c_str(), times, 0), 0);
  LogFile file = make({.size = 0, .interval = hours(1), .keep = 0});
  append(file, "{2}\n");
  EXPECT_EQ(others().size(), 1U);
  EXPECT_EQ(content(), "{2}\n");
}

TEST_F(LogFileTest, KeepsTheNewestOfItsOwnFilesOnly) {
  for (const char* other : {"log.json.1", "log.json.red", "log.json.red.20200101T000000Z",
                            "log.json.20200101T000000Z.gz", "other.json.20200101T000000Z"}) {
    put(other, "x");
  }
  LogFile file = make({.size = 4, .interval = {}, .keep = 2});
  for (int i = 0; i < 12; ++i) EXPECT_FALSE(append(file, "{1}\n"));
  clock_.advance(seconds(1));
  append(file, "{2}\n");
  EXPECT_THAT(others(), testing::UnorderedElementsAre(
                            "log.json.1", "log.json.red", "log.json.red.20200101T000000Z",
                            "log.json.20200101T000000Z.gz", "other.json.20200101T000000Z",
                            "log.json.20231114T221320Z-10", "log.json.20231114T221321Z"));
}

TEST_F(LogFileTest, SaysWhatKeepsItFromWriting) {
  LogFile missing(directory_.path("no/log.json"), {}, clock_.clock());
  EXPECT_EQ(append(missing, "{1}\n"), std::errc::no_such_file_or_directory);
  EXPECT_STREQ(missing.doing(), "open");
  fs::create_symlink("elsewhere", directory_.path("log.json"));
  LogFile link = make();
  EXPECT_EQ(append(link, "{1}\n"), std::errc::too_many_symbolic_link_levels);
  EXPECT_FALSE(fs::exists(directory_.path("elsewhere")));
  ASSERT_EQ(mkfifo(directory_.path("pipe").c_str(), 0600), 0);
  LogFile pipe(directory_.path("pipe"), {}, clock_.clock());
  EXPECT_EQ(append(pipe, "{1}\n"), std::errc::not_supported);
}

TEST_F(LogFileTest, WritesAgainAfterwards) {
  LogFile file(directory_.path("later/log.json"), {}, clock_.clock());
  EXPECT_TRUE(append(file, "{1}\n"));
  fs::create_directory(directory_.path("later"));
  EXPECT_FALSE(append(file, "{1}\n"));
  EXPECT_EQ(content("later/log.json"), "{1}\n");
}

}  // namespace
}  // namespace ctflow
