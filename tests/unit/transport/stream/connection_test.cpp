// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/connection.hpp"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include "support/stream_collector.hpp"

namespace ctflow {
namespace {

class TcpConnectionTest : public testing::Test {
 protected:
  TcpConnectionTest() {
    connection_->socket().connect(
        test::tcp::endpoint(boost::asio::ip::address_v4::loopback(), collector_.port()));
    EXPECT_TRUE(test::run_until(io_, [&] { return collector_.connections() == 1; }));
  }

  int option(int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(connection_->socket().native_handle(), level, name, &value, &length);
    return value;
  }

  boost::asio::io_context io_;
  test::StreamCollector collector_{io_};
  std::shared_ptr<Connection> connection_ = make_tcp_connection(io_);
  PendingHandlers pending_;
};

TEST_F(TcpConnectionTest, WritesAllThatIsGiven) {
  connection_->out = test::counted_message(0, 1, 5, 60'000).bytes;
  std::size_t written = 0;
  connection_->write(pending_.guard([&](const Connection::Error& error, std::size_t octets) {
    EXPECT_FALSE(error);
    written = octets;
  }));
  ASSERT_TRUE(test::run_until(io_, [&] { return collector_.received(0).octets.size() == 60'000; }));
  EXPECT_EQ(written, 60'000U);
  EXPECT_EQ(collector_.received(0).octets, connection_->out);
}

TEST_F(TcpConnectionTest, TellsTheEndInWords) {
  std::string reason;
  connection_->read(pending_.guard(
      [&](const Connection::Error& error, std::size_t) { reason = connection_->reason(error); }));
  collector_.close(false);
  ASSERT_TRUE(test::run_until(io_, [&] { return !reason.empty(); }));
  EXPECT_EQ(reason, "closed by the collector");
  EXPECT_EQ(connection_->reason(boost::asio::error::connection_reset), "Connection reset by peer");
}

TEST_F(TcpConnectionTest, SaysGoodbyeWithoutLosingWhatWasWritten) {
  connection_->out = test::counted_message(0, 1, 5).bytes;
  connection_->write(pending_.guard([](const Connection::Error&, std::size_t) {}));
  connection_->say_goodbye();
  connection_->close();
  ASSERT_TRUE(test::run_until(io_, [&] { return collector_.received(0).ended; }));
  EXPECT_EQ(collector_.received(0).octets.size(), 100U);
}

TEST_F(TcpConnectionTest, NoticesADeadPeer) {
  tune(*connection_);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 20'000);
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 20);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_NODELAY), 1);
}

}  // namespace
}  // namespace ctflow
