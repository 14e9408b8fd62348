// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/borrowed_socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace ctflow {
namespace {

class BorrowedSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0);
    ASSERT_FALSE(socket_.borrow(ends_[0]));
  }

  void TearDown() override {
    close(ends_[0]);
    close(ends_[1]);
  }

  void wait(bool read, bool write) {
    socket_.wait(read, write, [this] { ++calls_; });
  }

  void turn() {
    io_.restart();
    io_.poll();
  }

  boost::asio::io_context io_;
  BorrowedSocket socket_{io_};
  std::array<int, 2> ends_{-1, -1};
  int calls_ = 0;
};

TEST_F(BorrowedSocketTest, WaitsForWhatIsAsked) {
  wait(true, false);
  turn();
  EXPECT_EQ(calls_, 0);  // it could be written
  ASSERT_EQ(write(ends_[1], "x", 1), 1);
  turn();
  EXPECT_EQ(calls_, 1);
  wait(false, true);
  turn();
  EXPECT_EQ(calls_, 2);
}

TEST_F(BorrowedSocketTest, CallsOnceWhereTheFirstOfTwoWaitsAgain) {
  ASSERT_EQ(write(ends_[1], "x", 1), 1);
  socket_.wait(true, true, [this] {
    ++calls_;
    wait(false, false);
  });
  turn();
  EXPECT_EQ(calls_, 1);
}

TEST_F(BorrowedSocketTest, ForgetsAHandlerThatIsQueued) {
  ASSERT_EQ(write(ends_[1], "x", 1), 1);
  wait(true, true);
  socket_.close();
  EXPECT_FALSE(socket_.is_open());
  turn();
  EXPECT_EQ(calls_, 0);
}

TEST_F(BorrowedSocketTest, OutlivesTheNumberOfItsOwner) {
  close(ends_[0]);
  ends_[0] = -1;
  wait(true, false);
  ASSERT_EQ(write(ends_[1], "x", 1), 1);
  turn();
  EXPECT_EQ(calls_, 1);
}

TEST_F(BorrowedSocketTest, SaysWhyThereIsNothingToWaitFor) {
  EXPECT_EQ(socket_.borrow(-1), std::errc::bad_file_descriptor);
  EXPECT_FALSE(socket_.is_open());
  wait(true, true);
  turn();
  EXPECT_EQ(calls_, 0);
}

}  // namespace
}  // namespace ctflow
