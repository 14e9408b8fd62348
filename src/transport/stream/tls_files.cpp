// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/tls_files.hpp"

#ifdef CTFLOWD_TLS
#include "transport/stream/tls_certificates.hpp"
#include "transport/stream/tls_context.hpp"
#endif

namespace ctflow {

std::optional<TlsFault> find_fault([[maybe_unused]] const TlsConfig& config) {
#ifdef CTFLOWD_TLS
  try {
    make_tls_context(config);
  } catch (const TlsFileError& error) {
    return error.fault();
  }
#endif
  return std::nullopt;
}

std::optional<Certificate> own_certificate([[maybe_unused]] const TlsConfig& config) {
#ifdef CTFLOWD_TLS
  try {
    auto context = make_tls_context(config);
    return own_certificate_of(*context.native_handle());
  } catch (const TlsFileError&) {
    return std::nullopt;  // find_fault() says why
  }
#endif
  return std::nullopt;
}

}  // namespace ctflow
