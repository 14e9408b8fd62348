// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/datagram_batch.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

namespace ctflow {
namespace {

/// Two ends of a socket that keeps datagrams apart, as netlink does.
class DatagramBatchTest : public testing::Test {
 protected:
  DatagramBatchTest() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends_.data()), 0);
  }
  void TearDown() override {
    for (const int end : ends_) close(end);
  }

  void send(const std::string& text) const {
    ASSERT_EQ(::send(ends_[0], text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  std::span<const Datagram> receive() { return batch_.receive(ends_[1], error_); }
  static std::string text(const Datagram& datagram) {
    return {reinterpret_cast<const char*>(datagram.bytes.data()), datagram.bytes.size()};
  }

  std::array<int, 2> ends_{};
  std::error_code error_;
  DatagramBatch batch_{3, 8};
};

TEST_F(DatagramBatchTest, IsEmptyWithoutAnErrorWhenNothingWaits) {
  EXPECT_TRUE(receive().empty());
  EXPECT_FALSE(error_);
}

TEST_F(DatagramBatchTest, ReceivesSeveralAtOnceAndTheRestNextTime) {
  for (const char* one : {"a", "bb", "ccc", "dddd"}) send(one);
  const auto first = receive();
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(text(first[0]), "a");
  EXPECT_EQ(text(first[2]), "ccc");
  const auto rest = receive();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(text(rest[0]), "dddd");
}

TEST_F(DatagramBatchTest, SaysWhatWasCutOff) {
  send("12345678");
  send("123456789");
  const auto both = receive();
  ASSERT_EQ(both.size(), 2U);
  EXPECT_FALSE(both[0].truncated);
  EXPECT_TRUE(both[1].truncated);
  EXPECT_EQ(text(both[1]), "12345678");
}

TEST_F(DatagramBatchTest, TellsErrorsOfTheSocket) {
  std::error_code error;
  EXPECT_TRUE(batch_.receive(-1, error).empty());
  EXPECT_EQ(error, std::errc::bad_file_descriptor);
}

}  // namespace
}  // namespace ctflow
