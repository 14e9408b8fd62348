// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/dialer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <stdexcept>

#include "support/stream_collector.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;

class DialerTest : public testing::Test {
 protected:
  DialerTest() {
    config_.name = "test";
    config_.address = "127.0.0.1";
  }

  Dialer make(std::uint16_t port) {
    config_.port = port;
    return {io_, config_, [this] { return make_tcp_connection(io_); }};
  }

  DialResult dial(Dialer& dialer) {
    std::optional<DialResult> result;
    dialer.dial([&](const DialResult& answer) { result = answer; });
    EXPECT_TRUE(dialer.dialing());
    EXPECT_FALSE(result) << "the answer comes from the event loop";
    EXPECT_TRUE(test::run_until(io_, [&] { return result.has_value(); }));
    EXPECT_FALSE(dialer.dialing());
    return result.value_or(DialResult{});
  }

  /// A port where nobody listens.
  std::uint16_t closed_port() { return test::StreamCollector(io_).port(); }

  /// Whether nobody answers at `endpoint` from now on: its queue of connections is full, and the
  /// kernel drops the next SYN without a word.
  bool silence(const boost::asio::ip::tcp::endpoint& endpoint) {
    boost::system::error_code error;
    silent_.open(endpoint.protocol(), error);
    if (!error) silent_.bind(endpoint, error);
    if (!error) silent_.listen(0, error);
    if (error) return false;
    queued_.reserve(3);
    for (int i = 0; i < 3; ++i) {
      queued_.emplace_back(io_, endpoint.protocol());
      queued_.back().async_connect(silent_.local_endpoint(),
                                   [](const boost::system::error_code&) {});
    }
    return true;
  }
  [[nodiscard]] std::uint16_t silent_port() const { return silent_.local_endpoint().port(); }

  boost::asio::io_context io_;
  CollectorConfig config_;

 private:
  boost::asio::ip::tcp::acceptor silent_{io_};
  std::vector<boost::asio::ip::tcp::socket> queued_;
};

TEST_F(DialerTest, ConnectsToAnAddress) {
  test::StreamCollector collector(io_);
  Dialer dialer = make(collector.port());
  const DialResult result = dial(dialer);
  ASSERT_TRUE(result.connection) << result.error;
  EXPECT_EQ(result.connection->socket().remote_endpoint().port(), collector.port());
  EXPECT_EQ(dialer.peer(), "127.0.0.1:" + std::to_string(collector.port()));
}

TEST_F(DialerTest, ConnectsToAUnixSocket) {
  const test::TemporaryDirectory directory;
  config_.address = directory.path("reader.sock");
  Dialer missing = make(0);
  const DialResult none = dial(missing);
  EXPECT_FALSE(none.connection);
  EXPECT_EQ(none.error, "No such file or directory");
  EXPECT_EQ(none.failure, FailureKind::kUnreachable);
  boost::asio::local::stream_protocol::acceptor acceptor(io_, config_.address);
  Dialer dialer = make(0);
  const DialResult result = dial(dialer);
  ASSERT_TRUE(result.connection) << result.error;
  EXPECT_EQ(dialer.peer(), config_.address);
  acceptor.close();
  Dialer closed = make(0);
  EXPECT_EQ(dial(closed).failure, FailureKind::kRefused);
}

TEST_F(DialerTest, TriesEveryAddressOfAName) {
  test::StreamCollector collector(io_);  // IPv4; localhost is ::1 as well on most machines
  config_.address = "localhost";
  Dialer dialer = make(collector.port());
  EXPECT_TRUE(dial(dialer).connection);
  EXPECT_FALSE(dialer.lookup_running());
}

TEST_F(DialerTest, SaysWhenItWasRefused) {
  Dialer dialer = make(closed_port());
  const DialResult result = dial(dialer);
  EXPECT_FALSE(result.connection);
  EXPECT_EQ(result.failure, FailureKind::kRefused);
  EXPECT_EQ(result.error, "Connection refused");
}

TEST_F(DialerTest, SaysWhyANameHasNoAddress) {
  config_.address = "collector.invalid";
  Dialer dialer = make(4739);
  const DialResult result = dial(dialer);
  EXPECT_FALSE(result.connection);
  EXPECT_EQ(result.failure, FailureKind::kUnresolved);
  EXPECT_THAT(result.error, HasSubstr("not found"));
  EXPECT_EQ(dialer.peer(), "collector.invalid");
}

TEST_F(DialerTest, SaysWhichSettingTheHostCannotFulfil) {
  config_.source_address = "192.0.2.1";
  Dialer dialer = make(4739);
  const DialResult result = dial(dialer);
  EXPECT_EQ(result.error, "Cannot assign requested address");
  EXPECT_EQ(result.failure, FailureKind::kUnreachable);
  config_.source_address.clear();
  config_.bind_device = "no-such-device";
  Dialer other = make(4739);
  EXPECT_EQ(dial(other).error, "No such device");
}

TEST_F(DialerTest, SaysWhenNoAddressHasTheFamilyOfTheSourceAddress) {
  config_.address = "localhost";
  config_.source_address = "::1";
  config_.port = closed_port();
  Dialer dialer = make(config_.port);
  const DialResult result = dial(dialer);
  EXPECT_FALSE(result.connection);  // refused at ::1, or no ::1 at all; never 127.0.0.1
  EXPECT_THAT(dialer.peer(), testing::Not(HasSubstr("127.0.0.1")));
}

TEST_F(DialerTest, SaysThatThereWasNoAnswerInTime) {
  ASSERT_TRUE(silence({boost::asio::ip::address_v4::loopback(), 0}));
  config_.port = silent_port();
  Dialer dialer(
      io_, config_, [this] { return make_tcp_connection(io_); }, std::chrono::milliseconds(200));
  const DialResult result = dial(dialer);
  EXPECT_FALSE(result.connection);
  EXPECT_EQ(result.failure, FailureKind::kNoAnswer);
  EXPECT_EQ(result.error, "no answer within 0.2 s");
}

// localhost is ::1 first on most machines; on others there is nothing to pass over.
TEST_F(DialerTest, PassesOverAnAddressThatDoesNotAnswer) {
  test::StreamCollector collector(io_);  // IPv4
  if (!silence({boost::asio::ip::address_v6::loopback(), collector.port()})) {
    GTEST_SKIP() << "no IPv6 here, or its port is taken";
  }
  config_.address = "localhost";
  config_.port = collector.port();
  Dialer dialer(
      io_, config_, [this] { return make_tcp_connection(io_); }, std::chrono::milliseconds(1000));
  const DialResult result = dial(dialer);
  ASSERT_TRUE(result.connection) << result.error;
  EXPECT_EQ(dialer.peer(), "127.0.0.1:" + std::to_string(collector.port()));
}

TEST_F(DialerTest, SaysWhyAConnectionCannotBeMade) {
  config_.port = 4739;
  Dialer dialer(io_, config_, []() -> std::shared_ptr<Connection> {
    throw std::runtime_error("the key is missing");
  });
  EXPECT_EQ(dial(dialer).error, "the key is missing");
}

TEST_F(DialerTest, GivesNoAnswerOnceCancelledOrGone) {
  test::StreamCollector collector(io_);
  bool answered = false;
  Dialer dialer = make(collector.port());
  dialer.dial([&](const DialResult&) { answered = true; });
  dialer.cancel();
  {
    Dialer gone = make(collector.port());
    gone.dial([&](const DialResult&) { answered = true; });
    io_.poll_one();
  }
  test::run_until(
      io_, [] { return false; }, std::chrono::milliseconds(50));
  EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace ctflow
