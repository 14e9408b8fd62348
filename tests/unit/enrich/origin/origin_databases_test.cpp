// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/origin/origin_databases.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "ctflow/config.hpp"
#include "support/source_directory.hpp"
#include "support/temporary_directory.hpp"

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

class ChangedDatabases : public testing::Test {
 protected:
  /// A file that names the user of mark 1.
  std::string users(const std::string& name) const {
    std::string file = directory_.path(name);
    std::ofstream(file) << "mark=1 " << name << "\n";
    return file;
  }
  static std::vector<DatabaseChoice> choose(const std::string& file) {
    return {{"user_names", file, DatabaseContent::kUserName}};
  }
  static std::string user(const OriginDatabases& databases) {
    Flow flow;
    flow.mark = 1;
    const UserNames* const names = databases.user_names();
    return names == nullptr ? "" : std::string(names->find(flow));
  }

  boost::asio::io_context io_;
  test::TemporaryDirectory directory_;
};

TEST_F(ChangedDatabases, ReadANewFileOnceTheEventLoopRuns) {
  const OriginDatabases before(io_, choose(users("anna")));
  EXPECT_FALSE(before.waiting());
  EXPECT_EQ(user(before), "anna");
  const OriginDatabases after(io_, choose(users("ben")), &before);
  EXPECT_TRUE(after.waiting());
  EXPECT_EQ(user(after), "") << "the caller did not wait for the disk";
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (after.waiting() && std::chrono::steady_clock::now() < latest) {
    io_.run_one_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(user(after), "ben");
  EXPECT_EQ(user(before), "anna") << "it is in use until then";
}

TEST_F(ChangedDatabases, DoNotWaitForAFileThatCannotBeUsed) {
  const OriginDatabases before(io_, {});
  const OriginDatabases after(io_, choose(directory_.path("none")), &before);
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (after.waiting() && std::chrono::steady_clock::now() < latest) {
    io_.run_one_for(std::chrono::milliseconds(100));
  }
  EXPECT_FALSE(after.waiting());
  EXPECT_EQ(after.status()[0].failures, 1U);
}

TEST_F(ChangedDatabases, KeepWhatStays) {
  const std::vector<DatabaseChoice> choices = choose(users("anna"));
  auto before = std::make_unique<const OriginDatabases>(io_, choices);
  const UserNames* const names = before->user_names();
  const OriginDatabases after(io_, choices, before.get());
  before.reset();
  EXPECT_FALSE(after.waiting());
  EXPECT_EQ(after.user_names(), names);
  EXPECT_EQ(after.status()[0].loads, 1U);
}

#ifdef CTFLOWD_MAXMIND
TEST_F(ChangedDatabases, OfNetworksAreKeptOrReadLikewise) {
  const std::string file = test::source_directory() + "/tests/data/mmdb/as.mmdb";
  const DatabaseChoice one{"as_database", file, DatabaseContent::kAsNumber};
  const IpAddress address{{192, 0, 2, 1}};
  const OriginDatabases none(io_, {});
  const OriginDatabases first(io_, {one}, &none);
  EXPECT_TRUE(first.waiting());
  EXPECT_EQ(first.find(AddressFamily::kIpv4, address).as_number, 0U);
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (first.waiting() && std::chrono::steady_clock::now() < latest) {
    io_.run_one_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(first.find(AddressFamily::kIpv4, address).as_number, 64496U);
  auto names = choose(users("anna"));
  names.push_back(one);
  const OriginDatabases both(io_, names, &first);
  EXPECT_TRUE(both.waiting()) << "for the names";
  EXPECT_EQ(both.find(AddressFamily::kIpv4, address).as_number, 64496U);
  const OriginDatabases other(io_, {{"country_database", file, DatabaseContent::kCountry}}, &first);
  EXPECT_TRUE(other.waiting()) << "what is looked for in the file is another content";
}
#endif

}  // namespace
}  // namespace ctflow
