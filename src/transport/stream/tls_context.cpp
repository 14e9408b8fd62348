// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/tls_context.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdexcept>

#include "process/regular_file.hpp"

namespace ctflow {
namespace {

namespace ssl = boost::asio::ssl;

/// The TLS library's message for its last failure.
std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "unknown error" : text;
}

/// The library's own message for a file that cannot be opened names its source code, and a pipe
/// would hold it up.
void require_readable(const std::string& setting, const std::string& name) {
  try {
    read_regular_file(name, 0);
  } catch (const std::runtime_error& error) {
    throw TlsFileError({setting, fmt::format("{} cannot be read: {}", name, error.what())});
  }
}

void load_own_certificate(SSL_CTX* context, const TlsConfig& config) {
  require_readable("certificate", config.certificate);
  if (SSL_CTX_use_certificate_chain_file(context, config.certificate.c_str()) != 1) {
    throw TlsFileError({"certificate", fmt::format("expected certificates in PEM in {}: {}",
                                                   config.certificate, reason())});
  }
  require_readable("key", config.key);
  // A key with a passphrase would make the library ask for it on the terminal.
  SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_PrivateKey_file(context, config.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    throw TlsFileError(
        {"key", fmt::format("expected a private key in PEM without passphrase, that of the "
                            "certificate, in {}: {}",
                            config.key, reason())});
  }
}

}  // namespace

ssl::context make_tls_context(const TlsConfig& config) {
  ssl::context context(ssl::context::tls_client);
  SSL_CTX* native = context.native_handle();
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  context.set_verify_mode(ssl::verify_peer);
  if (config.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(native);
  } else {
    require_readable("ca_file", config.ca_file);
    if (SSL_CTX_load_verify_locations(native, config.ca_file.c_str(), nullptr) != 1) {
      throw TlsFileError({"ca_file", fmt::format("expected certificates in PEM in {}: {}",
                                                 config.ca_file, reason())});
    }
  }
  if (!config.certificate.empty()) load_own_certificate(native, config);
  return context;
}

}  // namespace ctflow
