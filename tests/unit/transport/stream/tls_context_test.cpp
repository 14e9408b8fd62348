// SPDX-License-Identifier: GPL-2.0-or-later
#ifdef CTFLOWD_TLS
#include "transport/stream/tls_context.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

namespace ctflow {
namespace {

TEST(MakeTlsContext, AsksForTls12AndAValidCertificate) {
  auto context = make_tls_context({});
  SSL_CTX* native = context.native_handle();
  EXPECT_EQ(SSL_CTX_get_min_proto_version(native), TLS1_2_VERSION);
  EXPECT_EQ(SSL_CTX_get_verify_mode(native), SSL_VERIFY_PEER);
}

TEST(MakeTlsContext, ThrowsWhatIsWrongWithAFile) {
  TlsConfig config;
  config.ca_file = "/nonexistent";
  try {
    make_tls_context(config);
    FAIL() << "a missing file was taken";
  } catch (const TlsFileError& error) {
    EXPECT_EQ(error.fault().setting, "ca_file");
    EXPECT_STREQ(error.what(), "ca_file: /nonexistent cannot be read: No such file or directory");
  }
}

// Reading a pipe without a writer would not end.
TEST(MakeTlsContext, TakesNoPipeSocketOrDevice) {
  TlsConfig config;
  config.ca_file = "/dev/null";
  try {
    make_tls_context(config);
    FAIL() << "a device was taken";
  } catch (const TlsFileError& error) {
    EXPECT_STREQ(
        error.what(),
        "ca_file: /dev/null cannot be read: expected a file, got a pipe, socket or device");
  }
}

}  // namespace
}  // namespace ctflow
#endif
