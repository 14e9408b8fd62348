// SPDX-License-Identifier: GPL-2.0-or-later
#include "log/journal.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <system_error>

#include "support/temporary_directory.hpp"

namespace ctflow::log {
namespace {

/// Reads what is written to a socket, as journald does.
class Reader {
 public:
  explicit Reader(const std::string& path)
      : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    unlink(path.c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(std::begin(address.sun_path), sizeof address.sun_path - 1);
    EXPECT_EQ(bind(socket_.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
  }

  /// Empty: nothing waits.
  std::string read() {
    std::array<char, 4096> room{};
    const ssize_t size = recv(socket_.number(), room.data(), room.size(), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(room.data(), static_cast<std::size_t>(size));
  }

 private:
  Descriptor socket_;
};

class JournalTest : public testing::Test {
 protected:
  test::TemporaryDirectory directory_;
  std::string path_ = directory_.path("socket");
  std::unique_ptr<Reader> reader_ = std::make_unique<Reader>(path_);
  Journal journal_{path_};
};

TEST_F(JournalTest, GetsEachMessageAsADatagram) {
  EXPECT_TRUE(journal_.write("MESSAGE=a\n"));
  EXPECT_TRUE(journal_.write("MESSAGE=b\n"));
  EXPECT_EQ(reader_->read(), "MESSAGE=a\n");
  EXPECT_EQ(reader_->read(), "MESSAGE=b\n");
}

TEST_F(JournalTest, IsFoundAgainAfterItsRestart) {
  reader_ = std::make_unique<Reader>(path_);
  EXPECT_TRUE(journal_.write("MESSAGE=a\n"));
  EXPECT_EQ(reader_->read(), "MESSAGE=a\n");
  EXPECT_EQ(journal_.lost(), 0U);
}

TEST_F(JournalTest, LosesAndCountsWhatNobodyReads) {
  reader_.reset();
  EXPECT_FALSE(journal_.write("MESSAGE=a\n"));
  EXPECT_EQ(journal_.lost(), 1U);
  reader_ = std::make_unique<Reader>(path_);
  EXPECT_TRUE(journal_.write("MESSAGE=b\n"));
  EXPECT_EQ(journal_.take_lost(), 1U);
  EXPECT_EQ(journal_.lost(), 0U);
}

TEST_F(JournalTest, DoesNotWaitLongerThanItMay) {
  journal_.may_wait(std::chrono::milliseconds(20));
  int written = 0;
  while (written < 100'000 && journal_.write("MESSAGE=a\n")) ++written;
  EXPECT_LT(written, 100'000) << "the socket's queue is bounded";
  EXPECT_EQ(journal_.lost(), 1U);
  EXPECT_EQ(reader_->read(), "MESSAGE=a\n");
  EXPECT_TRUE(journal_.write("MESSAGE=b\n")) << "there is room again";
}

TEST_F(JournalTest, SaysWhereItIsMissing) {
  try {
    const Journal journal(directory_.path("missing"));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("missing; use --log-format text or json"),
              std::string::npos)
        << error.what();
  }
  EXPECT_THROW(Journal(std::string(200, 'x')), std::system_error);
}

}  // namespace
}  // namespace ctflow::log
