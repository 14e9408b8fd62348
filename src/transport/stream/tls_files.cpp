// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/tls_files.hpp"

#include "transport/stream/tls_certificates.hpp"
#include "transport/stream/tls_context.hpp"

namespace ctflow {

std::optional<TlsFault> find_fault(const TlsConfig& config) {
  try {
    make_tls_context(config);
  } catch (const TlsFileError& error) {
    return error.fault();
  }
  return std::nullopt;
}

std::optional<Certificate> own_certificate(const TlsConfig& config) {
  try {
    auto context = make_tls_context(config);
    return own_certificate_of(*context.native_handle());
  } catch (const TlsFileError&) {
    return std::nullopt;  // find_fault() says why
  }
}

}  // namespace ctflow
