// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/tls_connection.hpp"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>
#include <utility>

#include "transport/stream/tls_certificates.hpp"
#include "transport/stream/tls_context.hpp"

namespace ctflow {
namespace {

namespace ssl = boost::asio::ssl;

class TlsConnection : public Connection {
 public:
  TlsConnection(boost::asio::io_context& io, const CollectorConfig& config)
      : context_(make_tls_context(config.tls)), stream_(io, context_) {
    expect(config.tls.server_name.empty() ? config.address : config.tls.server_name);
  }

  Socket& socket() override { return stream_.next_layer(); }
  void start(Done guarded) override {
    stream_.async_handshake(ssl::stream_base::client, std::move(guarded));
  }
  void write(Moved guarded) override {
    boost::asio::async_write(stream_, boost::asio::buffer(out), std::move(guarded));
  }
  void read(Moved guarded) override {
    stream_.async_read_some(boost::asio::buffer(in), std::move(guarded));
  }
  void say_goodbye() override {
    Error ignored;
    // The close_notify goes out if there is room for it; the peer's answer is not waited for.
    socket().non_blocking(true, ignored);
    stream_.shutdown(ignored);
    socket().shutdown(Socket::shutdown_send, ignored);
  }
  [[nodiscard]] bool conceals_length() const override { return true; }
  // In TLS 1.3 the server judges our certificate after our part of the handshake is over.
  [[nodiscard]] bool may_refuse_late() const override { return true; }
  [[nodiscard]] std::vector<Certificate> certificates() const override {
    return certificates_of(*const_cast<Stream&>(stream_).native_handle());
  }
  [[nodiscard]] std::string reason(const Error& error) const override {
    // native_handle() is not const in this version of the library.
    const long verified = SSL_get_verify_result(const_cast<Stream&>(stream_).native_handle());
    if (verified != X509_V_OK) {
      return std::string("the collector's certificate is refused: ") +
             X509_verify_cert_error_string(verified);
    }
    if (error == boost::asio::error::eof || error == ssl::error::stream_truncated) {
      return "closed by the collector";
    }
    return error.message();
  }

 private:
  using Stream = ssl::stream<Socket>;

  /// The certificate must be for this name or address. Names are also sent to the peer (SNI, RFC
  /// 6066 section 3, which excludes addresses, and the dot at the end of a name).
  void expect(std::string name) {
    SSL* native = stream_.native_handle();
    Error not_numeric;
    boost::asio::ip::make_address(name, not_numeric);
    if (!not_numeric) {
      require(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(native), name.c_str()) == 1, name);
      return;
    }
    if (!name.empty() && name.back() == '.') name.pop_back();
    SSL_set_hostflags(native, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    require(!name.empty() && SSL_set1_host(native, name.c_str()) == 1, name);
    SSL_set_tlsext_host_name(native, const_cast<char*>(name.c_str()));  // NOLINT: a C macro
  }

  /// Without an expectation any certificate would do that the authority has signed.
  static void require(bool accepted, const std::string& name) {
    if (!accepted) throw std::runtime_error("no certificate can be for \"" + name + "\"");
  }

  ssl::context context_;
  Stream stream_;
};

}  // namespace

std::shared_ptr<Connection> make_tls_connection(boost::asio::io_context& io,
                                                const CollectorConfig& config) {
  return std::make_shared<TlsConnection>(io, config);
}

std::function<std::shared_ptr<Connection>()> tls_connection_maker(boost::asio::io_context& io,
                                                                  const CollectorConfig& config) {
  return [&io, config] { return make_tls_connection(io, config); };
}

}  // namespace ctflow
