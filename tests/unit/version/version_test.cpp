// SPDX-License-Identifier: GPL-2.0-or-later
#include "version/version.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kafka/properties.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

TEST(Version, IsThatOfTheReleaseAndTheCommit) {
  EXPECT_THAT(version(), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+([-+~.][-+~.0-9A-Za-z]+)?"));
}

TEST(Version, SaysWhatIsBuiltIn) {
  const auto json = nlohmann::json::parse(version_json());
  EXPECT_EQ(json.at("version"), version());
  EXPECT_NE(json.at("build_type"), "");
#ifdef CTFLOWD_TLS
  constexpr bool kTls = true;
#else
  constexpr bool kTls = false;
#endif
#ifdef CTFLOWD_MAXMIND
  constexpr bool kMaxmind = true;
#else
  constexpr bool kMaxmind = false;
#endif
#ifdef CTFLOWD_SQLITE
  constexpr bool kSqlite = true;
#else
  constexpr bool kSqlite = false;
#endif
#ifdef CTFLOWD_POSTGRESQL
  constexpr bool kPostgresql = true;
#else
  constexpr bool kPostgresql = false;
#endif
#ifdef CTFLOWD_RECORD
  constexpr bool kRecord = true;
#else
  constexpr bool kRecord = false;
#endif
#ifdef CTFLOWD_STATUS
  constexpr bool kStatus = true;
#else
  constexpr bool kStatus = false;
#endif
  EXPECT_EQ(json.at("parts").at("record"), kRecord);
  EXPECT_EQ(json.at("libraries").contains("libpcap"), kRecord);
  EXPECT_EQ(json.at("parts").at("status"), kStatus);
  EXPECT_EQ(json.at("libraries").contains("prometheus-cpp"), kStatus);
  EXPECT_EQ(json.at("parts").at("postgresql"), kPostgresql);
  EXPECT_EQ(json.at("libraries").contains("libpq"), kPostgresql);
  EXPECT_EQ(json.at("parts").at("tls"), kTls);
  EXPECT_EQ(json.at("parts").at("sqlite"), kSqlite);
  EXPECT_EQ(json.at("parts").at("kafka"), kafka::built_in());
  EXPECT_EQ(json.at("libraries").contains("librdkafka"), kafka::built_in());
  EXPECT_EQ(json.at("parts").at("maxmind"), kMaxmind);
  EXPECT_EQ(json.at("libraries").contains("libmaxminddb"), kMaxmind);
  EXPECT_EQ(json.at("libraries").contains("OpenSSL"), kTls);
  EXPECT_EQ(json.at("libraries").contains("sqlite"), kSqlite);
  EXPECT_TRUE(json.at("libraries").contains("libmnl"));
}

TEST(Version, IsTheFirstLineOfTheText) {
  EXPECT_THAT(version_text(), testing::StartsWith(std::string("ctflowd ") + version() + "\n"));
  EXPECT_THAT(version_text(), HasSubstr("\nlibraries: "));
  const auto json = nlohmann::json::parse(version_json());
  for (const auto& [name, version] : json.at("libraries").items()) {
    EXPECT_THAT(version_text(), HasSubstr(" " + name + " " + version.get<std::string>()));
  }
}

}  // namespace
}  // namespace ctflow
