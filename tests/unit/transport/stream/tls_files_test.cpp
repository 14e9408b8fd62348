// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/tls_files.hpp"

#ifdef CTFLOWD_TLS
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/certificates.hpp"
#include "support/temporary_file.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;

std::string fault_of(const TlsConfig& config) {
  const std::optional<TlsFault> fault = find_fault(config);
  return fault ? fault->setting + ": " + fault->message : "";
}

TEST(FindFault, FindsNoneInGoodFiles) {
  test::Certificates certificates;
  certificates.make("client", "DNS:router.test");
  TlsConfig config;
  config.ca_file = certificates.authority();
  config.certificate = certificates.certificate("client");
  config.key = certificates.key("client");
  EXPECT_EQ(fault_of(config), "");
  EXPECT_EQ(fault_of({}), "");
}

TEST(OwnCertificate, IsTheOneThatTheFileHas) {
  test::Certificates certificates;
  certificates.make("client", "DNS:router.test", -1);
  TlsConfig config;
  EXPECT_FALSE(own_certificate(config));
  config.certificate = certificates.certificate("client");
  config.key = certificates.key("client");
  const auto own = own_certificate(config);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->owner, CertificateOwner::kExporter);
  EXPECT_LT(own->expires, std::chrono::system_clock::now());
  EXPECT_GT(own->expires, std::chrono::system_clock::now() - std::chrono::hours(48));
  config.key = "/nonexistent";
  EXPECT_FALSE(own_certificate(config)) << "find_fault() says why";
}

TEST(FindFault, NamesTheSettingAndWhatIsWrongWithItsFile) {
  test::Certificates certificates;
  certificates.make("client", "DNS:router.test");
  certificates.make("other", "DNS:other.test");
  const test::TemporaryFile junk("no PEM at all\n");
  TlsConfig config;
  config.ca_file = junk.name();
  EXPECT_THAT(fault_of(config),
              HasSubstr("ca_file: expected certificates in PEM in " + junk.name()));
  config.ca_file = testing::TempDir();
  EXPECT_THAT(fault_of(config), HasSubstr("cannot be read: Is a directory"));
  config = {};
  config.certificate = certificates.certificate("client");
  config.key = "/nonexistent";
  EXPECT_EQ(fault_of(config), "key: /nonexistent cannot be read: No such file or directory");
  config.key = certificates.key("other");
  EXPECT_THAT(fault_of(config), HasSubstr("key: expected a private key in PEM without passphrase"));
  EXPECT_THAT(fault_of(config), HasSubstr("key values mismatch"));
  config.certificate = junk.name();
  EXPECT_THAT(fault_of(config), HasSubstr("certificate: expected certificates in PEM"));
}

}  // namespace
}  // namespace ctflow
#endif
