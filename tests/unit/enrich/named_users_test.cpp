// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/named_users.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "ctflow/config.hpp"
#include "support/temporary_file.hpp"
#include "support/text_address.hpp"

namespace ctflow {
namespace {

Flow flow_from(const std::string& address) {
  const test::TextAddress one = test::text_address(address);
  Flow flow;
  flow.original.family = flow.reply.family = one.family;
  flow.original.source = one.address;
  flow.user = "of another flow";
  return flow;
}

TEST(NamedUsers, AreThoseOfTheFile) {
  const test::TemporaryFile file("10.1.0.0/16 anna\n");
  boost::asio::io_context io;
  NamedUsers enricher(std::make_shared<const OriginDatabases>(
      io, std::vector<DatabaseChoice>{{"user_names", file.name(), DatabaseContent::kUserName}}));
  Flow flow = flow_from("10.1.2.3");
  enricher.enrich(flow);
  EXPECT_EQ(flow.user, "anna");
  flow = flow_from("10.2.2.3");
  enricher.enrich(flow);
  EXPECT_EQ(flow.user, "");
}

TEST(NamedUsers, AreUnknownWhileThereIsNoFile) {
  boost::asio::io_context io;
  const auto databases = std::make_shared<const OriginDatabases>(
      io, std::vector<DatabaseChoice>{{"user_names", "/none", DatabaseContent::kUserName}});
  NamedUsers enricher(databases);
  Flow flow = flow_from("10.1.2.3");
  enricher.enrich(flow);
  EXPECT_EQ(flow.user, "");
  EXPECT_TRUE(databases->empty()) << "no networks are looked up";
  ASSERT_EQ(databases->status().size(), 1U);
  EXPECT_EQ(databases->status()[0].failures, 1U);
}

TEST(NamedUsers, AreAskedForByACollector) {
  Config config;
  config.enrich.user_names = "/users";
  config.collectors.resize(2);
  EXPECT_FALSE(asks_user_names(config));
  EXPECT_TRUE(databases_of(config).empty());
  config.collectors[1].elements = {"octetDeltaCount", "userName"};
  EXPECT_TRUE(asks_user_names(config));
  ASSERT_EQ(databases_of(config).size(), 1U);
  EXPECT_EQ(databases_of(config)[0].file, "/users");
}

}  // namespace
}  // namespace ctflow
