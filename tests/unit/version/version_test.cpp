// SPDX-License-Identifier: GPL-2.0-or-later
#include "version/version.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "version/built_parts.hpp"

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
  EXPECT_EQ(json.at("parts").at("record"), built_parts().record);
  EXPECT_EQ(json.at("libraries").contains("libpcap"), built_parts().record);
  EXPECT_EQ(json.at("parts").at("status"), built_parts().status);
  EXPECT_EQ(json.at("libraries").contains("prometheus-cpp"), built_parts().status);
  EXPECT_EQ(json.at("parts").at("postgresql"), built_parts().postgresql);
  EXPECT_EQ(json.at("libraries").contains("libpq"), built_parts().postgresql);
  EXPECT_EQ(json.at("parts").at("tls"), built_parts().tls);
  EXPECT_EQ(json.at("parts").at("sqlite"), built_parts().sqlite);
  EXPECT_EQ(json.at("parts").at("kafka"), built_parts().kafka);
  EXPECT_EQ(json.at("libraries").contains("librdkafka"), built_parts().kafka);
  EXPECT_EQ(json.at("parts").at("maxmind"), built_parts().maxmind);
  EXPECT_EQ(json.at("libraries").contains("libmaxminddb"), built_parts().maxmind);
  EXPECT_EQ(json.at("libraries").contains("OpenSSL"), built_parts().tls);
  EXPECT_EQ(json.at("libraries").contains("sqlite"), built_parts().sqlite);
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
