// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/status_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "commands/status.hpp"
#include "support/sample_status.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class StatusServerTest : public testing::Test {
 protected:
  StatusServerTest() {
    std::string name = testing::TempDir() + "status-XXXXXX";
    directory_ = mkdtemp(name.data());
    config_.socket = directory_ + "/s";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  /// Serves while `client` runs in a thread of its own.
  template <typename Client>
  void serve(Client client) {
    io_.restart();
    StatusServer server(io_, config_, [this] { return status_; });
    std::thread thread([&] {
      client();
      io_.stop();
    });
    io_.run();
    thread.join();
  }

  /// Exit status and output of `ctflowd status`.
  std::pair<int, std::string> run(bool json = false) {
    std::pair<int, std::string> result;
    serve([&] {
      std::ostringstream out;
      std::ostringstream errors;
      result.first = run_status({config_.socket, json, false}, out, errors);
      result.second = out.str() + errors.str();
    });
    return result;
  }

  boost::asio::io_context io_;
  std::string directory_;
  StatusConfig config_;
  Status status_ = test::sample_status();
};

TEST_F(StatusServerTest, ServesBothPages) {
  std::string metrics;
  std::string status;
  serve([&] {
    metrics = ask(config_.socket, "/metrics");
    status = ask(config_.socket, "/status");
  });
  EXPECT_THAT(metrics, HasSubstr("ctflowd_source_ended_total{namespace=\"\"} 12\n"));
  EXPECT_THAT(status, HasSubstr("\"ended\": 12,"));
}

TEST_F(StatusServerTest, BeginsWithOkWithoutProblems) {
  const auto [exit_status, text] = run();
  EXPECT_EQ(exit_status, 0);
  EXPECT_THAT(text, StartsWith("OK "));
}

TEST_F(StatusServerTest, ReportsALossAtOnce) {
  status_.namespaces[0].source.lost_overrun = 1;
  const auto [exit_status, text] = run();
  EXPECT_EQ(exit_status, 1);
  EXPECT_THAT(text, StartsWith("1 PROBLEM "));
  EXPECT_THAT(run(true).second, StartsWith("{\n  \"well\": false,"));
}

TEST_F(StatusServerTest, IsMissedWithAReason) {
  std::ostringstream out;
  std::ostringstream errors;
  EXPECT_EQ(run_status({config_.socket, false, false}, out, errors), 2);
  EXPECT_THAT(errors.str(), HasSubstr("ctflowd is not running, or has another status.socket"));
  EXPECT_EQ(out.str(), "");
}

TEST_F(StatusServerTest, ListensAsSoonAsTheAddressIsFree) {
  using boost::asio::ip::tcp;
  tcp::acceptor other(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const tcp::endpoint taken = other.local_endpoint();
  config_ = {"", "127.0.0.1:" + std::to_string(taken.port())};
  const StatusServer server(io_, config_, [this] { return status_; });
  other.close();
  tcp::socket client(io_);
  EXPECT_THROW(client.connect(taken), boost::system::system_error);
  client = tcp::socket(io_);
  io_.run_for(std::chrono::milliseconds(2500));  // it tries again every second
  EXPECT_NO_THROW(client.connect(taken));
}

TEST_F(StatusServerTest, GoesOnWithoutAnAddressOfThisHost) {
  config_.listen = "192.0.2.1:9995";
  EXPECT_NO_THROW(StatusServer(io_, config_, [this] { return status_; }));
}

TEST_F(StatusServerTest, RefusesASocketThatCannotBe) {
  config_ = {directory_ + "/no/such/s", ""};
  EXPECT_THROW(StatusServer(io_, config_, [this] { return status_; }), std::runtime_error);
}

TEST_F(StatusServerTest, MayBeSwitchedOff) {
  config_ = {"", ""};
  EXPECT_NO_THROW(StatusServer(io_, config_, [this] { return status_; }));
}

}  // namespace
}  // namespace ctflow
