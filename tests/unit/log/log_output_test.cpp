// SPDX-License-Identifier: GPL-2.0-or-later
#include "log/log_output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <utility>

namespace ctflow::log {
namespace {

using std::chrono::milliseconds;

/// So many of it fill a pipe to its last octet.
const std::string kEighth = "sixteen\n";

/// Both ends of a pipe, or of a connection as the journal's.
class LogOutputTest : public testing::TestWithParam<bool> {
 protected:
  LogOutputTest() {
    if (GetParam()) {
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0);
    } else {
      EXPECT_EQ(pipe(ends_.data()), 0);
    }
  }
  void TearDown() override {
    close(ends_[0]);
    close(ends_[1]);
  }

  /// Lines until one is lost; how many were taken.
  static std::size_t fill(LogOutput& output, const std::string& line) {
    output.may_wait(milliseconds(0));
    std::size_t taken = 0;
    while (output.write(line)) ++taken;
    return taken;
  }

  /// All that can be read now.
  std::string read_all() {
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    std::string all;
    std::array<char, 65536> piece{};
    ssize_t count = 0;
    while ((count = read(ends_[0], piece.data(), piece.size())) > 0) {
      all.append(piece.data(), static_cast<std::size_t>(count));
    }
    return all;
  }

  std::array<int, 2> ends_{};
};

TEST_P(LogOutputTest, WritesWholeLines) {
  LogOutput output(ends_[1]);
  EXPECT_TRUE(output.write("one\n"));
  EXPECT_TRUE(output.write("two\n"));
  EXPECT_EQ(read_all(), "one\ntwo\n");
  EXPECT_EQ(output.lost(), 0U);
}

TEST_P(LogOutputTest, LosesLinesInsteadOfWaitingAndCountsThem) {
  LogOutput output(ends_[1]);
  const std::size_t taken = fill(output, kEighth);
  EXPECT_GT(taken, 10U);
  EXPECT_EQ(output.lost(), 1U);
  EXPECT_FALSE(output.write("another\n"));
  EXPECT_EQ(output.take_lost(), 2U);
  EXPECT_EQ(output.lost(), 0U);
}

TEST_P(LogOutputTest, GoesOnWithWholeLinesWhenThereIsRoomAgain) {
  LogOutput output(ends_[1]);
  std::string line(10'000, 'y');  // more than a pipe takes as a whole
  line.back() = '\n';
  const std::size_t taken = fill(output, line);
  std::string all = read_all();
  EXPECT_TRUE(output.write("last\n"));
  all += read_all();
  std::string expected;
  for (std::size_t i = 0; i < taken; ++i) expected += line;
  EXPECT_EQ(all.size(), expected.size() + 5);
  EXPECT_EQ(all, expected + "last\n");
}

TEST_P(LogOutputTest, WaitsForAReaderAsLongAsItMay) {
  LogOutput output(ends_[1]);
  fill(output, kEighth);
  std::thread reader([this] {
    std::this_thread::sleep_for(milliseconds(50));
    std::array<char, 65536> piece{};
    EXPECT_GT(read(ends_[0], piece.data(), piece.size()), 0);
  });
  output.may_wait(std::chrono::seconds(30));
  EXPECT_TRUE(output.write("patient\n"));
  reader.join();
}

TEST_P(LogOutputTest, UsesUpItsPatience) {
  LogOutput output(ends_[1]);
  fill(output, kEighth);
  output.may_wait(milliseconds(20));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(output.write("one\n"));
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds(19));
  const auto later = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) output.write("more\n");
  EXPECT_LT(std::chrono::steady_clock::now() - later, std::chrono::seconds(20));  // not 20 ms each
}

TEST_P(LogOutputTest, LosesLinesWhoseReaderIsGone) {
  LogOutput output(ends_[1]);
  close(std::exchange(ends_[0], -1));
  std::signal(SIGPIPE, SIG_IGN);
  EXPECT_FALSE(output.write("to whom?\n"));
  EXPECT_EQ(output.lost(), 1U);
}

TEST_P(LogOutputTest, DoesNotMakeItNonBlockingForOthers) {
  LogOutput output(ends_[1]);
  output.write("one\n");
  EXPECT_EQ(fcntl(ends_[1], F_GETFL) & O_NONBLOCK, 0);
}

TEST_P(LogOutputTest, FollowsADescriptorThatStandsForSomethingElse) {
  std::array<int, 2> other{};
  ASSERT_EQ(pipe(other.data()), 0);
  LogOutput output(ends_[1]);
  output.write("one\n");
  ASSERT_EQ(dup2(other[1], ends_[1]), ends_[1]);
  output.write("two\n");
  std::array<char, 16> text{};
  EXPECT_EQ(read(other[0], text.data(), text.size()), 4);
  close(other[0]);
  close(other[1]);
}

INSTANTIATE_TEST_SUITE_P(PipeAndSocket, LogOutputTest, testing::Bool(),
                         [](const auto& which) { return which.param ? "Socket" : "Pipe"; });

TEST(LogOutputToAFile, WritesBehindWhatIsThere) {
  const std::string name = testing::TempDir() + "/log_output_test.XXXXXX";
  std::string made = name;
  const int file = mkstemp(made.data());
  ASSERT_GE(file, 0);
  ASSERT_EQ(write(file, "before\n", 7), 7);
  LogOutput output(file);
  output.may_wait(milliseconds(0));
  EXPECT_TRUE(output.write("after\n"));
  std::array<char, 32> text{};
  ASSERT_EQ(pread(file, text.data(), text.size(), 0), 13);
  EXPECT_EQ(std::string(text.data()), "before\nafter\n");
  close(file);
  unlink(made.c_str());
}

}  // namespace
}  // namespace ctflow::log
