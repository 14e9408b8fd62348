// SPDX-License-Identifier: GPL-2.0-or-later
#include "findings/certificate_expiry.hpp"

#include <fmt/format.h>

#include "text/time_text.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::hours kDay{24};
constexpr std::chrono::seconds kSoon = 14 * kDay;

const char* subject_of(CertificateOwner owner) {
  return owner == CertificateOwner::kExporter
             ? "the certificate of this exporter (tls.certificate)"
             : "the certificate of the collector, or one that vouches for it,";
}

const char* consequence_of(CertificateOwner owner) {
  return owner == CertificateOwner::kExporter
             ? "a collector that asks for it refuses connections from then on"
             : "ctflowd makes no connection to it from then on";
}

const char* fix_of(CertificateOwner owner) {
  return owner == CertificateOwner::kExporter
             ? "renew the file; it is read for every new connection"
             : "renew it at the collector, and tls.ca_file where it is the authority's";
}

}  // namespace

std::optional<Finding> expiry_finding(const Certificate& certificate, std::chrono::seconds left) {
  if (left > kSoon) return std::nullopt;
  const bool expired = left <= std::chrono::seconds(0);
  const std::string when =
      expired ? "expired on" : fmt::format("expires in {} h, on", left / std::chrono::hours(1));
  return Finding{
      expired ? "certificate_expired" : "certificate_expires",
      fmt::format("{} {} {} UTC: {}", subject_of(certificate.owner), when,
                  text::minute_text(std::chrono::floor<std::chrono::seconds>(certificate.expires)),
                  consequence_of(certificate.owner)),
      fix_of(certificate.owner)};
}

std::chrono::seconds left_of(const Certificate& certificate) {
  return std::chrono::floor<std::chrono::seconds>(certificate.expires -
                                                  std::chrono::system_clock::now());
}

const char* name_of(CertificateOwner owner) {
  return owner == CertificateOwner::kExporter ? "exporter" : "collector";
}

}  // namespace ctflow
