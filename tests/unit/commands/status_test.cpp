// SPDX-License-Identifier: GPL-2.0-or-later
// The client with a server that is not ctflowd; with that of ctflowd: status_server_test.cpp.
#include "commands/status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

namespace ctflow {
namespace {

using boost::asio::local::stream_protocol;
using testing::HasSubstr;

class StatusCommandTest : public testing::Test {
 protected:
  StatusCommandTest() {
    std::string name = testing::TempDir() + "status-XXXXXX";
    directory_ = mkdtemp(name.data());
    socket_ = directory_ + "/s";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  /// Exit status and output when the server answers so.
  std::pair<int, std::string> run(const std::string& answer) {
    boost::asio::io_context io;
    stream_protocol::acceptor acceptor(io, socket_);
    std::thread server([&] {
      stream_protocol::socket peer = acceptor.accept();
      std::array<char, 512> request{};
      peer.read_some(boost::asio::buffer(request));
      boost::system::error_code ignored;
      boost::asio::write(peer, boost::asio::buffer(answer), ignored);
    });
    std::ostringstream text;
    const int status = run_status({socket_, false, false}, text, text);
    server.join();
    return {status, text.str()};
  }

  std::string directory_;
  std::string socket_;
};

TEST_F(StatusCommandTest, SaysThatAnAnswerIsNoStatus) {
  const auto [status, text] = run("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(status, 2);
  EXPECT_THAT(text, HasSubstr("not the status of a ctflowd"));
}

TEST_F(StatusCommandTest, SaysThatAnAnswerIsAnError) {
  const auto [status, text] = run("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(status, 2);
  EXPECT_THAT(text, HasSubstr("HTTP status 500"));
}

TEST_F(StatusCommandTest, SaysThatTheAnswerEndsEarly) {
  EXPECT_EQ(run("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{").first, 2);
  std::filesystem::remove(socket_);
  EXPECT_EQ(run("SSH-2.0-OpenSSH\r\n").first, 2);
}

TEST_F(StatusCommandTest, RefusesANameThatIsTooLong) {
  std::ostringstream text;
  EXPECT_EQ(run_status({"/" + std::string(200, 'a'), false, false}, text, text), 2);
}

}  // namespace
}  // namespace ctflow
