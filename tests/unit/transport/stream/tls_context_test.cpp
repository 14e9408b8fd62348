// SPDX-License-Identifier: GPL-2.0-or-later
#ifdef CTFLOWD_TLS
#include "transport/stream/tls_context.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <string>

namespace ctflow {
namespace {

TEST(MakeTlsContext, AsksForTls12AndAValidCertificate) {
  auto context = make_tls_context({});
  SSL_CTX* native = context.native_handle();
  EXPECT_EQ(SSL_CTX_get_min_proto_version(native), TLS1_2_VERSION);
  EXPECT_EQ(SSL_CTX_get_verify_mode(native), SSL_VERIFY_PEER);
}

/// What is wrong with a file of certificates, and with which setting.
std::string refusal_of(const std::string& ca_file) {
  TlsConfig config;
  config.ca_file = ca_file;
  try {
    make_tls_context(config);
  } catch (const TlsFileError& error) {
    EXPECT_EQ(error.fault().setting, "ca_file");
    return error.what();
  }
  return "it was taken";
}

TEST(MakeTlsContext, ThrowsWhatIsWrongWithAFile) {
  EXPECT_EQ(refusal_of("/nonexistent"),
            "ca_file: /nonexistent cannot be read: No such file or directory");
}

// Reading a pipe without a writer would not end.
TEST(MakeTlsContext, TakesNoPipeSocketOrDevice) {
  EXPECT_EQ(refusal_of("/dev/null"),
            "ca_file: /dev/null cannot be read: expected a file, got a pipe, socket or device");
}

}  // namespace
}  // namespace ctflow
#endif
