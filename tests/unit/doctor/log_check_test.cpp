// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/log_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <fstream>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;

class LogCheckTest : public testing::Test {
 protected:
  LogCheckTest() {
    config_.log_connections.resize(1);
    log().name = "local";
    log().path = directory_.path("log.json");
  }
  ConnectionLogConfig& log() { return config_.log_connections[0]; }

  /// Of the one finding there must be.
  std::string impact() {
    const Findings found = check_log_places(config_);
    if (found.wrong.size() != 1) return std::to_string(found.wrong.size()) + " findings";
    EXPECT_EQ(found.wrong[0].subject, "local");
    return found.wrong[0].impact;
  }

  test::TemporaryDirectory directory_;
  Config config_;
};

TEST_F(LogCheckTest, FindsNothingWrongWithAFileThatCanBeMadeOrExists) {
  EXPECT_TRUE(check_log_places(config_).wrong.empty());
  std::ofstream(log().path) << "{}\n";
  log().rotate.size = 1 << 20;
  EXPECT_TRUE(check_log_places(config_).wrong.empty());
  EXPECT_EQ(directory_.content("log.json"), "{}\n") << "it changes nothing";
}

TEST_F(LogCheckTest, SaysWhatKeepsAFileFromBeingWritten) {
  log().path = directory_.path("no/log.json");
  EXPECT_THAT(impact(), HasSubstr(directory_.path("no") + ": No such file or directory"));
  log().path = directory_.path("link");
  std::filesystem::create_symlink("log.json", log().path);
  EXPECT_THAT(impact(), HasSubstr("symbolic link"));
  log().path = directory_.path("pipe");
  ASSERT_EQ(mkfifo(log().path.c_str(), 0600), 0);
  EXPECT_THAT(impact(), HasSubstr("no regular file"));
  log().path = directory_.path("socket");
  boost::asio::io_context io;
  const boost::asio::local::stream_protocol::acceptor acceptor(io, log().path);
  EXPECT_THAT(impact(), HasSubstr("it is a socket"));
}

TEST_F(LogCheckTest, LooksAtTheFileOfEachNamespace) {
  config_.namespaces.resize(2);
  config_.namespaces[0].name = "red";
  config_.namespaces[1].name = "blue";
  std::filesystem::create_directory(log().path + ".blue");
  EXPECT_THAT(impact(), HasSubstr("log.json.blue"));
}

TEST_F(LogCheckTest, LooksAtTheDirectoryOfASpool) {
  log().to = LogDestination::kUnix;
  log().spool.directory = directory_.path("no");
  EXPECT_THAT(impact(), HasSubstr("No such file or directory"));
  EXPECT_THAT(impact(), HasSubstr("up to spool.memory (4 MiB)"));
  log().to = LogDestination::kKafka;
  EXPECT_THAT(impact(), HasSubstr("No such file or directory"));
  EXPECT_THAT(impact(), HasSubstr("up to buffer (4 MiB)"));
}

TEST_F(LogCheckTest, ConnectsToReaders) {
  log().to = LogDestination::kUnix;
  log().path = directory_.path("reader.sock");
  const Findings none = check_log_readers(config_);
  ASSERT_EQ(none.wrong.size(), 1U);
  EXPECT_EQ(none.wrong[0].name, "connection_log_unreachable");
  EXPECT_EQ(none.wrong[0].subject, "local");
  boost::asio::io_context io;
  const boost::asio::local::stream_protocol::acceptor acceptor(io, log().path);
  EXPECT_TRUE(check_log_readers(config_).wrong.empty());
}

}  // namespace
}  // namespace ctflow
