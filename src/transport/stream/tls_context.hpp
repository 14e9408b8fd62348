// SPDX-License-Identifier: GPL-2.0-or-later
// The rules by which a TLS connection is made. Only with CTFLOWD_TLS.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <stdexcept>
#include <string>

#include "ctflow/config.hpp"
#include "transport/stream/tls_files.hpp"

namespace ctflow {

class TlsFileError : public std::runtime_error {
 public:
  explicit TlsFileError(TlsFault fault)
      : std::runtime_error(fault.setting + ": " + fault.message), fault_(std::move(fault)) {}
  [[nodiscard]] const TlsFault& fault() const { return fault_; }

 private:
  TlsFault fault_;
};

/// For a client: TLS 1.2 or newer, the peer's certificate must be valid. Reads the files; throws
/// TlsFileError.
boost::asio::ssl::context make_tls_context(const TlsConfig& config);

}  // namespace ctflow
