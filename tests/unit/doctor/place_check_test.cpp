// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/place_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <thread>

#include "support/certificates.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PlaceCheckTest : public testing::Test {
 protected:
  PlaceCheckTest() { config_.collectors.push_back(collector("main")); }

  static CollectorConfig collector(const std::string& name) {
    CollectorConfig one;
    one.name = name;
    one.address = "127.0.0.1";
    one.port = 4739;
    one.transport = TransportKind::kTls;
    one.spool.size = 1 << 20;  // fits on any disk
    return one;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Finding& one : check_places(config_).wrong) {
      EXPECT_FALSE(one.fix.empty());
      all.push_back(one.name);
    }
    return all;
  }
  [[nodiscard]] std::string impact() const { return check_places(config_).wrong.at(0).impact; }

  test::TemporaryDirectory directory_;
  Config config_;
  CollectorConfig& main() { return config_.collectors[0]; }
};

TEST_F(PlaceCheckTest, FindsNothingInTheDefaults) { EXPECT_THAT(names(), IsEmpty()); }

TEST_F(PlaceCheckTest, FindsASpoolThatCannotBeUsed) {
  main().spool.directory = directory_.name();
  EXPECT_THAT(names(), IsEmpty());
  main().spool.directory = directory_.path("missing");
  EXPECT_THAT(names(), ElementsAre("spool_directory_unusable"));
  EXPECT_THAT(impact(), HasSubstr("No such file or directory"));
  EXPECT_THAT(impact(), HasSubstr("spool.memory (4 MiB)"));
  std::ofstream(directory_.path("missing")) << "a file";
  EXPECT_THAT(impact(), HasSubstr("Not a directory"));
  main().spool.directory = "/proc/sys";  // not even root can create files there
  EXPECT_THAT(names(), ElementsAre("spool_directory_unusable"));
  main().transport = TransportKind::kUdp;  // which has no spool
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(PlaceCheckTest, LetsDirectoriesBeThatAreCreatedAtTheStart) {
  config_.nat_log.retention = std::chrono::days(1);
  config_.accounting.aggregates.emplace_back();
  config_.nat_log.directory = directory_.path("new/nat");
  config_.accounting.database = directory_.path("new/accounting/accounting.db");
  EXPECT_THAT(names(), IsEmpty());
  config_.nat_log.directory = "/proc/sys/new/nat";
  config_.accounting.database = "/proc/sys/new/accounting.db";
  EXPECT_THAT(names(), ElementsAre("nat_log_directory_unusable", "accounting_directory_unusable"));
  std::ofstream(directory_.path("file")) << "a file";
  config_.nat_log.directory = directory_.path("file/nat");
  EXPECT_THAT(impact(), HasSubstr("Not a directory"));
}

TEST_F(PlaceCheckTest, NamesEachCollector) {
  main().spool.directory = directory_.path("missing");
  config_.collectors.push_back(collector("other"));
  config_.collectors[1].transport = TransportKind::kFile;
  config_.collectors[1].file.directory = directory_.path("missing");
  EXPECT_THAT(names(), ElementsAre("spool_directory_unusable", "file_directory_unusable"));
  EXPECT_EQ(check_places(config_).wrong[1].subject, "other");
}

#ifdef CTFLOWD_TLS
TEST_F(PlaceCheckTest, FindsAnOwnCertificateThatHasExpired) {
  test::Certificates certificates;
  certificates.make("router", "DNS:router.test", -1);
  certificates.make("young", "DNS:router.test", 20);
  main().tls.certificate = certificates.certificate("router");
  main().tls.key = certificates.key("router");
  EXPECT_THAT(names(), ElementsAre("certificate_expired"));
  main().tls.certificate = certificates.certificate("young");
  main().tls.key = certificates.key("young");
  EXPECT_THAT(names(), IsEmpty());
}
#endif

TEST_F(PlaceCheckTest, FindsAKeyThatOthersMayReadOrReplace) {
  main().tls.key = directory_.path("router.key");
  std::ofstream(main().tls.key) << "key";
  for (const mode_t mode : {0600U, 0640U, 0400U}) {
    chmod(main().tls.key.c_str(), mode);
    EXPECT_THAT(names(), IsEmpty()) << mode;
  }
  for (const mode_t mode : {0666U, 0604U, 0660U, 0602U}) {
    chmod(main().tls.key.c_str(), mode);
    EXPECT_THAT(names(), ElementsAre("tls_key_exposed")) << mode;
  }
  EXPECT_THAT(impact(), HasSubstr("has mode 0602: other users of this host can replace it"));
}

TEST_F(PlaceCheckTest, FindsAListenerOfTheStatusThatCannotBe) {
  config_.status.listen = "192.0.2.99:9995";
  EXPECT_THAT(names(), ElementsAre("status_listen_unusable"));
  config_.status.listen.clear();
  config_.status.socket = directory_.path("new/status.sock");
  EXPECT_THAT(names(), IsEmpty()) << "the last directory is made at the start";
  config_.status.socket = directory_.path("new/er/status.sock");
  EXPECT_THAT(names(), ElementsAre("status_socket_unusable"));
  for (const char* const denied : {"/proc/sys/status.sock", "/proc/sys/new/status.sock"}) {
    config_.status.socket = denied;  // not even root can create files there
    EXPECT_THAT(names(), ElementsAre("status_socket_unusable")) << denied;
    EXPECT_THAT(impact(), HasSubstr("cannot be created: /proc/sys: "));
  }
  config_.status.socket = directory_.path("file");
  std::ofstream(config_.status.socket) << "no socket";
  EXPECT_THAT(impact(), HasSubstr("a file that is not a socket"));
}

/// Listens at a port of its own, and answers each connection with this text.
class Answering {
 public:
  explicit Answering(const std::string& answer)
      : acceptor_(io_, {boost::asio::ip::address_v4::loopback(), 0}), answer_(answer) {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Answering() {
    io_.stop();
    thread_.join();
  }
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;
  Answering(Answering&&) = delete;
  Answering& operator=(Answering&&) = delete;

  [[nodiscard]] std::string port() const {
    return std::to_string(acceptor_.local_endpoint().port());
  }

 private:
  void accept() {
    acceptor_.async_accept(
        [this](boost::system::error_code error, boost::asio::ip::tcp::socket socket) {
          if (error) return;
          boost::system::error_code ignored;
          std::array<char, 256> request{};
          socket.read_some(boost::asio::buffer(request), ignored);
          boost::asio::write(socket, boost::asio::buffer(answer_), ignored);
          accept();
        });
  }

  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::string answer_;
  std::thread thread_;
};

TEST_F(PlaceCheckTest, LetsTheCtflowdThatRunsHaveItsPort) {
  const Answering own("HTTP/1.1 200 OK\r\nServer: ctflowd/0.1.0\r\n\r\n");
  config_.status.listen = "127.0.0.1:" + own.port();
  EXPECT_THAT(names(), IsEmpty());
  config_.status.listen = "0.0.0.0:" + own.port();
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(PlaceCheckTest, FindsAPortThatAnotherProgramHas) {
  for (const char* const answer :
       {"", "HTTP/1.1 200 OK\r\nServer: other/1\r\n\r\n", "Server: ctflowd/0.1.0\r\n"}) {
    const Answering other(answer);
    config_.status.listen = "127.0.0.1:" + other.port();
    EXPECT_THAT(names(), ElementsAre("status_listen_unusable")) << answer;
    EXPECT_THAT(impact(), HasSubstr("no ctflowd answers there"));
  }
  boost::asio::io_context io;
  const boost::asio::ip::tcp::acceptor silent(io, {boost::asio::ip::address_v4::loopback(), 0});
  config_.status.listen = "127.0.0.1:" + std::to_string(silent.local_endpoint().port());
  EXPECT_THAT(names(), ElementsAre("status_listen_unusable")) << "it does not answer";
}

}  // namespace
}  // namespace ctflow
