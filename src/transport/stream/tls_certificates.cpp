// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/tls_certificates.hpp"

#include <openssl/asn1.h>
#include <openssl/x509.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>
#include <optional>

namespace ctflow {
namespace {

/// The earliest notAfter (RFC 5280 section 4.1.2.5).
class Earliest {
 public:
  void add(const X509* certificate) {
    std::tm utc{};
    if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &utc) != 1) {
      return;
    }
    // The clock counts nanoseconds, and notAfter may be the year 9999 (RFC 5280 section 4.1.2.5).
    constexpr auto kLatest =
        std::chrono::duration_cast<std::chrono::seconds>(TimePoint::duration::max()).count();
    const auto seconds = std::min<std::int64_t>(timegm(&utc), kLatest);
    const TimePoint expires{std::chrono::seconds(seconds)};
    found_ = found_ ? std::min(*found_, expires) : expires;
  }

  void add(const STACK_OF(X509) * chain) {
    const int size = chain == nullptr ? 0 : sk_X509_num(chain);
    for (int i = 0; i < size; ++i) add(sk_X509_value(chain, i));
  }

  [[nodiscard]] std::optional<Certificate> as(CertificateOwner owner) const {
    return found_ ? std::optional(Certificate{owner, *found_}) : std::nullopt;
  }

 private:
  std::optional<TimePoint> found_;
};

Earliest own_of(const X509* certificate, SSL_CTX* context) {
  Earliest own;
  own.add(certificate);
  STACK_OF(X509)* sent = nullptr;
  SSL_CTX_get0_chain_certs(context, &sent);
  own.add(sent);
  return own;
}

}  // namespace

std::vector<Certificate> certificates_of(const SSL& connection) {
  std::vector<Certificate> all;
  const auto add = [&](const std::optional<Certificate>& one) {
    if (one) all.push_back(*one);
  };
  add(own_of(SSL_get_certificate(&connection), SSL_get_SSL_CTX(&connection))
          .as(CertificateOwner::kExporter));
  Earliest collector;
  collector.add(SSL_get0_verified_chain(&connection));
  add(collector.as(CertificateOwner::kCollector));
  return all;
}

std::optional<Certificate> own_certificate_of(SSL_CTX& context) {
  return own_of(SSL_CTX_get0_certificate(&context), &context).as(CertificateOwner::kExporter);
}

}  // namespace ctflow
