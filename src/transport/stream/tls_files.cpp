// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/tls_files.hpp"

#ifdef CTFLOWD_TLS
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

}  // namespace ctflow
