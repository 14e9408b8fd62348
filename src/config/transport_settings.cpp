// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/transport_settings.hpp"

#include "config/missing_part.hpp"
#include "config/status_endpoint.hpp"
#include "transport/stream/tls_files.hpp"
#include "version/built_parts.hpp"

namespace ctflow::config {
namespace {

std::optional<Complaint> check_tls(const TlsConfig& tls) {
  if (!tls.key.empty() && tls.certificate.empty()) {
    return Complaint{"key", "expected with it the certificate that it belongs to"};
  }
  if (!tls.certificate.empty() && tls.key.empty()) {
    return Complaint{"certificate", "expected with it its private key, as key"};
  }
  if (const std::optional<TlsFault> fault = find_fault(tls)) {
    return Complaint{fault->setting, fault->message};
  }
  return std::nullopt;
}

}  // namespace

ValueFormat<std::uint64_t> port() { return integer(1, 65535); }

Section<TlsConfig> tls_settings() {
  using T = TlsConfig;
  return {{
              value("server_name", kOptional, host(), &T::server_name),
              value("ca_file", kOptional, credential_path(), &T::ca_file),
              value("certificate", kOptional, credential_path(), &T::certificate),
              value("key", kOptional, credential_path(), &T::key),
          },
          check_tls};
}

Section<SpoolConfig> spool_settings() {
  using S = SpoolConfig;
  return {{
              value("memory", kOptional, size("256KiB", "1GiB"), &S::memory),
              value("directory", kOptional, absolute_path(), &S::directory),
              value("size", kOptional, size("1MiB", "1024GiB"), &S::size),
              value("max_age", kOptional, duration_or_off("1m", "8760h"), &S::max_age),
              value("rate", kOptional, size_or_off("64KiB", "1GiB"), &S::rate),
          },
          {}};
}

Section<FileConfig> file_settings() {
  using F = FileConfig;
  return {{
              value("directory", kOptional, absolute_path(), &F::directory),
              value("name", kOptional, file_name_pattern(), &F::name),
              value("size", kOptional, size("128KiB", "1024GiB"), &F::size),
              value("interval", kOptional, duration("1s", "24h"), &F::interval),
          },
          {}};
}

std::optional<Complaint> check_transport(const CollectorConfig& collector) {
  const bool file = collector.transport == TransportKind::kFile;
  if (!file && collector.address.empty()) {
    return Complaint{"address", "missing: expected " + host().expected};
  }
  if (!file && collector.port == 0) {
    return Complaint{"port", "missing: expected " + port().expected};
  }
  if (file && collector.file.directory.empty()) {
    return Complaint{"file", "expected a directory for transport: file, got none"};
  }
  if (collector.transport != TransportKind::kUdp && collector.protocol != Protocol::kIpfix) {
    return Complaint{"transport",
                     fmt::format("expected udp for NetFlow {}, which exists only as datagrams{}; "
                                 "tcp, tls and file need protocol: ipfix",
                                 collector.protocol == Protocol::kNetflow9 ? "v9" : "v5",
                                 collector.protocol == Protocol::kNetflow9 ? " (RFC 3954)" : "")};
  }
  if (collector.transport == TransportKind::kTls && !built_parts().tls) {
    return Complaint{"transport", kWithoutTls};
  }
  // Who configures certificates must not be left in the belief that they are used.
  if (collector.transport != TransportKind::kTls && collector.tls != TlsConfig{}) {
    return Complaint{"tls", "expected only with transport: tls"};
  }
  return std::nullopt;
}

std::optional<Complaint> check_own_status(const Config& config) {
  if (config.status.listen.empty()) return std::nullopt;
  const auto own = status_endpoint(config.status.listen);
  for (const CollectorConfig& one : config.collectors) {
    const bool stream =
        one.transport == TransportKind::kTcp || one.transport == TransportKind::kTls;
    if (!stream || one.port != own.port() || address_family(one.address) == 0) continue;
    const auto address = boost::asio::ip::make_address(one.address);
    if (address != own.address() && !(own.address().is_unspecified() && address.is_loopback())) {
      continue;
    }
    return Complaint{"status",
                     fmt::format("listen {} is where the collector {} is expected: flows would go "
                                 "to ctflowd itself and be lost",
                                 config.status.listen, one.name)};
  }
  return std::nullopt;
}

}  // namespace ctflow::config
