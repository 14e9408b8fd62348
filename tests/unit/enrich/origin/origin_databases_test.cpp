// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/origin/origin_databases.hpp"

#include <gtest/gtest.h>

#include "ctflow/config.hpp"

namespace ctflow {
namespace {

TEST(OriginDatabases, AreThoseThatAnOutputAsksFor) {
  Config config;
  config.enrich.as_database = "/as.mmdb";
  config.collectors.resize(2);
  EXPECT_TRUE(databases_of(config).empty());
  for (const char* const name : {"bgpSourceAsNumber", "bgpDestinationAsNumber"}) {
    config.collectors[1].elements = {"octetDeltaCount", name};
    ASSERT_EQ(databases_of(config).size(), 1U);
    EXPECT_EQ(databases_of(config)[0].file, "/as.mmdb");
  }
  config.enrich.as_database.clear();
  EXPECT_TRUE(databases_of(config).empty());
}

TEST(OriginDatabases, AreThoseThatAccountingCountsBy) {
  Config config;
  config.enrich = {"/as.mmdb", "/country.mmdb"};
  AggregateConfig& aggregate = config.accounting.aggregates.emplace_back();
  aggregate.by = {AccountingKey::kHost};
  EXPECT_TRUE(databases_of(config).empty());
  aggregate.by = {AccountingKey::kHost, AccountingKey::kCountry};
  ASSERT_EQ(databases_of(config).size(), 1U);
  EXPECT_EQ(databases_of(config)[0].file, "/country.mmdb");
  config.accounting.metrics.by = AccountingKey::kAsn;
  EXPECT_EQ(databases_of(config).size(), 2U);
}

TEST(OriginDatabases, AreThoseOfCountriesInElements) {
  Config config;
  config.enrich = {"/as.mmdb", "/country.mmdb"};
  for (const char* const name : {"sourceCountry", "destinationCountry"}) {
    config.collectors.resize(1);
    config.collectors[0].elements = {"octetDeltaCount", name};
    ASSERT_EQ(databases_of(config).size(), 1U);
    EXPECT_EQ(databases_of(config)[0].file, "/country.mmdb");
  }
}

TEST(OriginDatabases, AreAllThatThereAreForAConnectionLogThatAsks) {
  Config config;
  config.enrich = {"/as.mmdb", "/country.mmdb"};
  config.log_connections.resize(2);
  EXPECT_TRUE(databases_of(config).empty());
  config.log_connections[1].network_origins = true;
  EXPECT_EQ(databases_of(config).size(), 2U);
  config.enrich.as_database.clear();
  ASSERT_EQ(databases_of(config).size(), 1U);
  EXPECT_EQ(databases_of(config)[0].file, "/country.mmdb");
}

TEST(OriginDatabases, SayNothingWithoutOne) {
  boost::asio::io_context io;
  const OriginDatabases none(io, {});
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(none.status().empty());
  EXPECT_EQ(none.find(AddressFamily::kIpv4, {}), NetworkOrigin{});
}

}  // namespace
}  // namespace ctflow
