// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/log_stdout.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "process/descriptor.hpp"

namespace ctflow {
namespace {

struct Pipe {
  explicit Pipe(int flags = 0) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC | flags) != 0) ADD_FAILURE() << "no pipe";
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  Descriptor reader;
  Descriptor writer;
};

TEST(LogStdout, WritesAllLinesToAReaderThatIsSlow) {
  for (const int flags : {0, O_NONBLOCK}) {
    Pipe pipe(flags);
    fcntl(pipe.reader.number(), F_SETFL, 0);
    std::string lines;
    while (lines.size() < 300'000) lines += "{\"v\":1}\n";
    std::string received;
    std::thread reader([&] {
      std::array<char, 1000> piece{};
      ssize_t count = 0;
      while ((count = read(pipe.reader.number(), piece.data(), piece.size())) > 0) {
        received.append(piece.data(), static_cast<std::size_t>(count));
      }
    });
    LogStdout log(pipe.writer.number());
    EXPECT_FALSE(log.append(lines, {}));
    pipe.writer.reset();
    reader.join();
    EXPECT_EQ(received, lines);
  }
}

TEST(LogStdout, SaysThatNobodyReads) {
  std::signal(SIGPIPE, SIG_IGN);  // as the daemon does
  Pipe pipe;
  pipe.reader.reset();
  LogStdout log(pipe.writer.number());
  EXPECT_EQ(log.append("{}\n", {}), std::errc::broken_pipe);
  EXPECT_STREQ(log.doing(), "write");
}

}  // namespace
}  // namespace ctflow
