// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/stream_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "support/certificates.hpp"
#include "support/stream_collector.hpp"
#include "support/temporary_directory.hpp"
#include "transport/stream/tls_files.hpp"
#ifdef CTFLOWD_TLS
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#endif

namespace ctflow {
namespace {

using boost::asio::ip::tcp;
using testing::HasSubstr;

class StreamCheckTest : public testing::Test {
 protected:
  StreamCheckTest() {
    collector_.name = "main";
    collector_.address = "127.0.0.1";
    collector_.transport = TransportKind::kTcp;
  }

  /// "name: impact" of the only finding; empty when there is none.
  std::string finding(std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    const Findings found = check_stream(collector_, status_, patience);
    EXPECT_LE(found.wrong.size(), 1U);
    EXPECT_TRUE(found.unchecked.empty());
    if (found.wrong.empty()) return "";
    EXPECT_FALSE(found.wrong[0].fix.empty());
    return found.wrong[0].name + ": " + found.wrong[0].impact;
  }

  boost::asio::io_context io_;
  CollectorConfig collector_;
  StatusConfig status_{"", ""};
};

TEST_F(StreamCheckTest, FindsNothingWhereAConnectionIsTaken) {
  const test::StreamCollector listener(io_);
  collector_.port = listener.port();
  EXPECT_EQ(finding(), "");
}

TEST_F(StreamCheckTest, SaysWhatBecomesOfTheFlows) {
  collector_.port = test::StreamCollector(io_).port();  // closed by now
  EXPECT_THAT(finding(), HasSubstr("collector_refused: "));
  EXPECT_THAT(finding(), HasSubstr("wait in memory up to spool.memory (4 MiB), then the oldest are "
                                   "lost, and all of them when ctflowd stops"));
  collector_.spool.directory = "/proc/nonex";  // where nothing can wait
  EXPECT_THAT(finding(), HasSubstr("wait in memory up to spool.memory (4 MiB)"));
  const test::TemporaryDirectory directory;
  collector_.spool.directory = directory.name();
  EXPECT_THAT(finding(), HasSubstr("wait in " + directory.name() +
                                   " up to spool.size (1 GiB), then the oldest are lost"));
}

TEST_F(StreamCheckTest, FindsAHostThatDoesNotAnswer) {
  // A queue of connections that is full: the kernel drops the next SYN without a word.
  tcp::acceptor full(io_);
  full.open(tcp::v4());
  full.bind({boost::asio::ip::address_v4::loopback(), 0});
  full.listen(0);
  std::vector<tcp::socket> queued;
  for (int i = 0; i < 3; ++i) {
    queued.emplace_back(io_, tcp::v4());
    queued.back().async_connect(full.local_endpoint(), [](const boost::system::error_code&) {});
  }
  collector_.port = full.local_endpoint().port();
  EXPECT_THAT(finding(std::chrono::milliseconds(200)), HasSubstr("collector_silent: 127.0.0.1:"));
  EXPECT_THAT(finding(std::chrono::milliseconds(200)), HasSubstr("no answer within 0.2 s"));
}

TEST_F(StreamCheckTest, FindsANameWithoutAddressAndASourceThatIsNotOurs) {
  collector_.port = 4739;
  collector_.address = "collector.invalid";
  EXPECT_THAT(finding(), HasSubstr("collector_unresolved: collector.invalid has no address"));
  collector_.address = "127.0.0.1";
  collector_.source_address = "192.0.2.99";
  EXPECT_THAT(finding(), HasSubstr("collector_unreachable: "));
  EXPECT_THAT(finding(), HasSubstr("Cannot assign requested address"));
}

TEST_F(StreamCheckTest, FindsACollectorThatIsOurOwnStatus) {
  const test::StreamCollector listener(io_);
  collector_.port = listener.port();
  const std::string port = ":" + std::to_string(collector_.port);
  for (const char* own : {"127.0.0.1", "0.0.0.0", "[::]"}) {
    status_.listen = own + port;
    EXPECT_THAT(finding(), HasSubstr("collector_is_status: ")) << own;
  }
  status_.listen = "127.0.0.2" + port;
  EXPECT_EQ(finding(), "");
  status_.listen = "0.0.0.0:1";
  EXPECT_EQ(finding(), "");
}

#ifdef CTFLOWD_TLS
namespace ssl = boost::asio::ssl;

/// Takes TLS connections in a thread of its own until it is gone.
class TlsListener {
 public:
  TlsListener(const test::Certificates& certificates, bool asks)
      : context_(ssl::context::tls_server),
        acceptor_(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    context_.use_certificate_chain_file(certificates.certificate("collector"));
    context_.use_private_key_file(certificates.key("collector"), ssl::context::pem);
    if (asks) {
      context_.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
      context_.load_verify_file(certificates.authority());
    }
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~TlsListener() {
    io_.stop();
    thread_.join();
  }
  TlsListener(const TlsListener&) = delete;
  TlsListener& operator=(const TlsListener&) = delete;
  TlsListener(TlsListener&&) = delete;
  TlsListener& operator=(TlsListener&&) = delete;

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      if (error) return;
      auto stream = std::make_shared<ssl::stream<tcp::socket>>(std::move(socket), context_);
      stream->async_handshake(ssl::stream_base::server,
                              [this, stream](const boost::system::error_code& failed) {
                                if (!failed) streams_.push_back(stream);
                              });
      accept();
    });
  }

  boost::asio::io_context io_;
  ssl::context context_;
  tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<ssl::stream<tcp::socket>>> streams_;
  std::thread thread_;
};

TEST_F(StreamCheckTest, FindsCertificatesThatAreRefusedByEitherSide) {
  test::Certificates certificates;
  certificates.make("collector", "DNS:collector.test,IP:127.0.0.1");
  certificates.make("client", "DNS:router.test");
  const test::Certificates stranger("stranger");
  collector_.transport = TransportKind::kTls;
  collector_.tls.ca_file = certificates.authority();
  {
    const TlsListener listener(certificates, false);
    collector_.port = listener.port();
    EXPECT_EQ(finding(), "");
    collector_.tls.server_name = "other.test";
    EXPECT_THAT(finding(), HasSubstr("collector_rejected: "));
    EXPECT_THAT(finding(), HasSubstr("hostname mismatch"));
    collector_.tls.server_name.clear();
    collector_.tls.ca_file = stranger.authority();
    EXPECT_THAT(finding(), HasSubstr("unable to get local issuer certificate"));
    collector_.tls.ca_file = certificates.authority();
  }
  const TlsListener listener(certificates, true);
  collector_.port = listener.port();
  EXPECT_THAT(finding(), HasSubstr("collector_rejected: ")) << "judged after our part is over";
  collector_.tls.certificate = certificates.certificate("client");
  collector_.tls.key = certificates.key("client");
  EXPECT_EQ(finding(), "");
}

TEST_F(StreamCheckTest, FindsACertificateThatExpiresSoon) {
  test::Certificates certificates;
  certificates.make("collector", "DNS:collector.test,IP:127.0.0.1", 13);
  collector_.transport = TransportKind::kTls;
  collector_.tls.ca_file = certificates.authority();
  const TlsListener listener(certificates, false);
  collector_.port = listener.port();
  EXPECT_THAT(finding(), HasSubstr("certificate_expires: "));
}

TEST_F(StreamCheckTest, FindsATlsCollectorThatIsNone) {
  const test::StreamCollector listener(io_);  // takes the connection, and says nothing
  collector_.port = listener.port();
  collector_.transport = TransportKind::kTls;
  EXPECT_THAT(finding(std::chrono::milliseconds(200)), HasSubstr("collector_silent: "));
}
#endif

}  // namespace
}  // namespace ctflow
