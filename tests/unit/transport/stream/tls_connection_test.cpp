// SPDX-License-Identifier: GPL-2.0-or-later
#ifdef CTFLOWD_TLS
#include "transport/stream/tls_connection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <filesystem>

#include "support/certificates.hpp"
#include "support/stream_collector.hpp"
#include "transport/stream/dialer.hpp"
#include "transport/stream/stream.hpp"

namespace ctflow {
namespace {

namespace ssl = boost::asio::ssl;
using boost::asio::ip::tcp;
using testing::HasSubstr;

/// A collector that speaks TLS, one connection after the other.
class TlsCollector {
 public:
  TlsCollector(boost::asio::io_context& io, const test::Certificates& certificates,
               const std::string& name)
      : acceptor_(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    context.use_certificate_chain_file(certificates.certificate(name));
    context.use_private_key_file(certificates.key(name), ssl::context::pem);
    accept();
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  ssl::context context{ssl::context::tls_server};
  test::Received received;  ///< of the last connection
  std::string server_name;  ///< that the client asked for
  int version = 0;
  std::string error;  ///< of the last handshake
  int handshakes = 0;

 private:
  using Stream = ssl::stream<tcp::socket>;

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& failed, tcp::socket socket) {
      if (failed) return;
      received = {};
      auto stream = std::make_shared<Stream>(std::move(socket), context);
      stream->async_handshake(
          ssl::stream_base::server, [this, stream](const boost::system::error_code& result) {
            ++handshakes;
            error = result ? result.message() : "";
            if (result) return;
            version = SSL_version(stream->native_handle());
            const char* name =
                SSL_get_servername(stream->native_handle(), TLSEXT_NAMETYPE_host_name);
            server_name = name == nullptr ? "" : name;
            read(stream);
          });
      accept();
    });
  }

  void read(const std::shared_ptr<Stream>& stream) {
    stream->async_read_some(
        boost::asio::buffer(room_),
        [this, stream](const boost::system::error_code& failed, std::size_t size) {
          received.octets.insert(received.octets.end(), room_.begin(),
                                 room_.begin() + static_cast<long>(size));
          // Without close_notify it would be stream_truncated.
          received.ended = failed == boost::asio::error::eof;
          if (!failed) read(stream);
        });
  }

  tcp::acceptor acceptor_;
  std::array<std::byte, 4096> room_{};
};

class TlsConnectionTest : public testing::Test {
 protected:
  TlsConnectionTest() {
    config_.name = "test";
    config_.address = "127.0.0.1";
    config_.transport = TransportKind::kTls;
    config_.tls.ca_file = certificates().authority();
  }

  /// Made once: it takes a while.
  static test::Certificates& certificates() {
    static auto* const made_once = [] {
      auto* made = new test::Certificates;
      made->make("collector", "DNS:collector.test,IP:127.0.0.1");
      made->make("other", "DNS:other.test,IP:127.0.0.99");
      made->make("expired", "DNS:collector.test,IP:127.0.0.1", -1);
      made->make("client", "DNS:router.test");
      return made;
    }();
    return *made_once;
  }

  /// What the attempt to connect says; empty when it succeeds.
  std::string dial(const TlsCollector& collector) {
    config_.port = collector.port();
    Dialer dialer(io_, config_, [this] { return make_tls_connection(io_, config_); });
    std::optional<DialResult> result;
    dialer.dial([&](const DialResult& answer) { result = answer; });
    EXPECT_TRUE(test::run_until(io_, [&] { return result.has_value(); }));
    if (!result) return "no answer";
    connection_ = result->connection;
    failure_ = result->failure;
    return result->error;
  }

  std::unique_ptr<StreamTransport> make_transport(std::uint16_t port) {
    config_.port = port;
    auto transport = std::make_unique<StreamTransport>(
        io_, config_, [this] { return make_tls_connection(io_, config_); }, *ledger_,
        Backoff([] { return 0.0; }));
    transport->begin_with(test::sample_origin()->first_messages);
    return transport;
  }

  static void send(StreamTransport& transport, std::uint32_t sequence, std::uint8_t tag) {
    const CountedMessage message = test::counted_message(sequence, 1, tag);
    transport.send(message.bytes, message.content);
  }

  [[nodiscard]] const ExporterCounters& counters() const { return ledger_->counters(); }

  boost::asio::io_context io_;
  CollectorConfig config_;
  std::optional<ExportLedger> ledger_{std::in_place};
  std::shared_ptr<Connection> connection_;
  FailureKind failure_ = FailureKind::kNone;
};

TEST_F(TlsConnectionTest, TrustsACertificateForTheAddress) {
  TlsCollector collector(io_, certificates(), "collector");
  EXPECT_EQ(dial(collector), "");
  ASSERT_TRUE(test::run_until(io_, [&] { return collector.handshakes == 1; }));
  EXPECT_EQ(collector.server_name, "") << "SNI is for names only";
  EXPECT_GE(collector.version, TLS1_2_VERSION);
}

TEST_F(TlsConnectionTest, TrustsACertificateForTheServerNameAndTellsIt) {
  TlsCollector collector(io_, certificates(), "other");
  config_.tls.server_name = "other.test";
  EXPECT_EQ(dial(collector), "");
  ASSERT_TRUE(test::run_until(io_, [&] { return collector.handshakes == 1; }));
  EXPECT_EQ(collector.server_name, "other.test");
}

// As a resolver takes a name that is complete; certificates have it without the dot.
TEST_F(TlsConnectionTest, LeavesOutTheDotAtTheEndOfAName) {
  TlsCollector collector(io_, certificates(), "other");
  config_.tls.server_name = "other.test.";
  EXPECT_EQ(dial(collector), "");
  ASSERT_TRUE(test::run_until(io_, [&] { return collector.handshakes == 1; }));
  EXPECT_EQ(collector.server_name, "other.test");
}

TEST_F(TlsConnectionTest, ConnectsToNobodyWhereNoCertificateCouldBeCompared) {
  TlsCollector collector(io_, certificates(), "collector");
  config_.tls.server_name = "fe80::1%1";
  EXPECT_THAT(dial(collector), HasSubstr("no certificate can be for \"fe80::1%1\""));
  EXPECT_EQ(failure_, FailureKind::kHandshake);
}

TEST_F(TlsConnectionTest, RefusesACertificateForAnotherAddressOrName) {
  TlsCollector collector(io_, certificates(), "other");
  EXPECT_THAT(dial(collector), HasSubstr("IP address mismatch"));
  config_.tls.server_name = "collector.test";
  EXPECT_THAT(dial(collector), HasSubstr("hostname mismatch"));
}

TEST_F(TlsConnectionTest, RefusesAnExpiredCertificate) {
  TlsCollector collector(io_, certificates(), "expired");
  EXPECT_THAT(dial(collector), HasSubstr("certificate has expired"));
  EXPECT_EQ(failure_, FailureKind::kHandshake);
}

TEST_F(TlsConnectionTest, RefusesAnUnknownAuthority) {
  test::Certificates stranger("stranger");
  TlsCollector collector(io_, certificates(), "collector");
  config_.tls.ca_file = stranger.authority();
  EXPECT_THAT(dial(collector), HasSubstr("unable to get local issuer certificate"));
  config_.tls.ca_file.clear();  // the system's store does not know it either
  EXPECT_THAT(dial(collector), HasSubstr("unable to get local issuer certificate"));
}

TEST_F(TlsConnectionTest, RefusesTls11) {
  TlsCollector collector(io_, certificates(), "collector");
  SSL_CTX_set_security_level(collector.context.native_handle(), 0);
  SSL_CTX_set_min_proto_version(collector.context.native_handle(), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(collector.context.native_handle(), TLS1_1_VERSION);
  EXPECT_NE(dial(collector), "");
}

TEST_F(TlsConnectionTest, SpeaksTls12) {
  TlsCollector collector(io_, certificates(), "collector");
  SSL_CTX_set_max_proto_version(collector.context.native_handle(), TLS1_2_VERSION);
  EXPECT_EQ(dial(collector), "");
  ASSERT_TRUE(test::run_until(io_, [&] { return collector.handshakes == 1; }));
  EXPECT_EQ(collector.version, TLS1_2_VERSION);
}

TEST_F(TlsConnectionTest, ShowsItsCertificateToACollectorThatAsks) {
  TlsCollector collector(io_, certificates(), "collector");
  collector.context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  collector.context.load_verify_file(certificates().authority());
  config_.tls.certificate = certificates().certificate("client");
  config_.tls.key = certificates().key("client");
  EXPECT_EQ(dial(collector), "");
  ASSERT_TRUE(test::run_until(io_, [&] { return collector.handshakes == 1; }));
  EXPECT_EQ(collector.error, "");
}

TEST_F(TlsConnectionTest, KnowsWhenBothCertificatesExpire) {
  const auto days_left = [](const Certificate& one) {
    return std::chrono::round<std::chrono::days>(one.expires - std::chrono::system_clock::now());
  };
  test::Certificates made("authority", 30);
  made.make("collector", "DNS:collector.test,IP:127.0.0.1", 20);
  made.make("forever", "DNS:collector.test,IP:127.0.0.1", 2'900'000);
  made.make("client", "DNS:router.test", 10);
  config_.tls.ca_file = made.authority();
  // Both live to the end: the side that accepts may finish its handshake after dial() has.
  const TlsCollector collector(io_, made, "collector");
  const TlsCollector forever(io_, made, "forever");
  ASSERT_EQ(dial(collector), "");
  ASSERT_EQ(connection_->certificates().size(), 1U) << "none of ours is configured";
  EXPECT_EQ(connection_->certificates()[0].owner, CertificateOwner::kCollector);
  EXPECT_EQ(days_left(connection_->certificates()[0]), std::chrono::days(20));
  config_.tls.certificate = made.certificate("client");
  config_.tls.key = made.key("client");
  ASSERT_EQ(dial(collector), "");
  ASSERT_EQ(connection_->certificates().size(), 2U) << "also where it is not asked for";
  EXPECT_EQ(connection_->certificates()[0].owner, CertificateOwner::kExporter);
  EXPECT_EQ(days_left(connection_->certificates()[0]), std::chrono::days(10));
  ASSERT_EQ(dial(forever), "");
  EXPECT_EQ(days_left(connection_->certificates()[1]), std::chrono::days(30))
      << "that of the authority ends before";
}

TEST_F(TlsConnectionTest, SendsNothingToACollectorThatRefusesUsAfterTheHandshake) {
  TlsCollector collector(io_, certificates(), "collector");
  collector.context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  collector.context.load_verify_file(certificates().authority());
  const auto transport = make_transport(collector.port());
  send(*transport, 1, 1);
  ASSERT_TRUE(test::run_until(io_, [&] { return collector.handshakes >= 2; }));
  EXPECT_NE(collector.error, "");
  EXPECT_EQ(counters().flows, 0U) << "TCP acknowledged, but nobody read";
  EXPECT_EQ(counters().waiting.flows, 1U);
  EXPECT_EQ(counters().transport_sessions, 0U);
  ASSERT_TRUE(test::run_until(io_, [&] { return !transport->connected(); }));
  EXPECT_EQ(transport->status().last_failure.kind, FailureKind::kHandshake);
  EXPECT_NE(transport->status().last_failure.reason, "");
}

TEST_F(TlsConnectionTest, ReadsItsFilesForEachConnection) {
  const std::string authority = certificates().path("changing.pem");
  test::Certificates stranger("stranger");
  std::filesystem::copy_file(stranger.authority(), authority,
                             std::filesystem::copy_options::overwrite_existing);
  config_.tls.ca_file = authority;
  TlsCollector collector(io_, certificates(), "collector");
  const auto transport = make_transport(collector.port());
  send(*transport, 1, 1);
  ASSERT_TRUE(test::run_until(io_, [&] { return collector.handshakes == 1; }));
  std::filesystem::copy_file(certificates().authority(), authority,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(test::run_until(io_, [&] { return counters().flows == 1; }));
}

TEST_F(TlsConnectionTest, TriesAgainWhenAFileCannotBeReadJustNow) {
  config_.tls.ca_file = "/nonexistent/ca.pem";
  TlsCollector collector(io_, certificates(), "collector");
  EXPECT_THAT(dial(collector), HasSubstr("/nonexistent/ca.pem cannot be read"));
}

TEST_F(TlsConnectionTest, CarriesMessagesAndCountsWhatArrived) {
  TlsCollector collector(io_, certificates(), "collector");
  const auto transport = make_transport(collector.port());
  for (std::uint8_t i = 1; i <= 50; ++i) send(*transport, i, i);
  ASSERT_TRUE(test::run_until(io_, [&] { return counters().flows == 50; }));
  ASSERT_TRUE(test::run_until(io_, [&] { return collector.received.messages().size() == 51; }));
  EXPECT_EQ(collector.received.sequences().back(), 50U);
  EXPECT_EQ(transport->status().certificates.size(), 1U);
  EXPECT_EQ(counters().waiting.flows, 0U);
  EXPECT_FALSE(transport->busy());
  transport->stop();
  EXPECT_TRUE(test::run_until(io_, [&] { return collector.received.ended; })) << "close_notify";
}

}  // namespace
}  // namespace ctflow
#endif
