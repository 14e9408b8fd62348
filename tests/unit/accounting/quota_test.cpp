// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/quota.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "support/accounting_flows.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;

class QuotaTest : public testing::Test {
 protected:
  QuotaTest() {
    config_.database = directory_.path("accounting.sqlite");
    AggregateConfig networks;
    networks.name = "networks";
    networks.by = {AccountingKey::kNetwork};
    config_.aggregates = {networks};
    const test::TextAddress address = test::text_address("10.0.0.0");
    config_.networks = {{"office", {{address.family, address.address, 24}}, 1'000'000},
                        {"unused", {{address.family, address.address, 32}}, 2'000'000},
                        {"free", {{address.family, address.address, 31}}}};
  }

  QuotaReport used(std::uint64_t octets, const std::string& host = "10.0.0.5") {
    const auto accounts = std::make_shared<Accounts>(config_);
    Session session;
    session.started = now_.wall;
    Store store(config_, accounts, std::move(session));
    Job job;
    job.batch = std::make_unique<Batch>(config_);
    Flow flow = test::report_between(host, "198.51.100.1");
    flow.start = flow.end = now_.wall;
    flow.original_counters = {1, octets / 4};
    flow.reply_counters = {1, octets - octets / 4};
    test::add_report(*accounts, flow, *test::sample_surroundings(), now_.wall, *job.batch);
    job.now = now_;
    store.write(job);
    Question question;
    question.now = std::chrono::floor<std::chrono::minutes>(now_.wall);
    question.from = question.now;
    question.until = question.now + 1min;
    return ask_quotas(open_for_reading(config_.database), config_, question);
  }

  test::TemporaryDirectory directory_;
  AccountingConfig config_;
  Instant now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23), MonoTime(1h)};
};

TEST_F(QuotaTest, CountsBothWaysOfThoseThatHaveOne) {
  const QuotaReport report = used(1'000'000);
  ASSERT_EQ(report.uses.size(), 2U);
  EXPECT_EQ(report.uses[0].name, "office");
  EXPECT_EQ(report.uses[0].amounts.octets(), 1'000'000U);
  EXPECT_FALSE(report.uses[0].over()) << "all of it, and no more";
  EXPECT_EQ(report.uses[1].name, "unused");
  EXPECT_EQ(report.uses[1].amounts.octets(), 0U);
  EXPECT_FALSE(report.any_over());
  EXPECT_TRUE(report.time.complete());
}

TEST_F(QuotaTest, IsExceededByOneOctet) {
  const QuotaReport report = used(1'000'001);
  EXPECT_TRUE(report.any_over());
  const std::string table =
      quota_table(report, Calendar(TimeZone(), {}), {.scope = "internet only"});
  EXPECT_THAT(table, testing::HasSubstr("over\n"));
  EXPECT_THAT(table, testing::HasSubstr("complete\n"));
  EXPECT_THAT(quota_table(report, Calendar(TimeZone(), {}), {.bytes = true}),
              testing::HasSubstr(" 1000001 "));
  const auto json = nlohmann::json::parse(quota_json(report, "internet only"));
  EXPECT_EQ(json.at("over"), true);
  EXPECT_EQ(json.at("quotas")[0].at("used_octets"), 1'000'001);
  EXPECT_EQ(json.at("quotas")[1].at("over"), false);
  EXPECT_EQ(quota_csv(report),
            "by,name,used_octets,quota_octets,over\nnetwork,office,1000001,1000000,1\n"
            "network,unused,0,2000000,0\n");
}

TEST_F(QuotaTest, SaysHowMuchMayBeOfAny) {
  config_.aggregates[0].by = {AccountingKey::kHost, AccountingKey::kNetwork};
  config_.aggregates[0].max_keys = 1;
  used(800'000, "10.0.0.6");
  const QuotaReport report = used(900'000);
  EXPECT_EQ(report.uses[0].amounts.octets(), 900'000U);
  ASSERT_EQ(report.unassigned.size(), 1U) << "the smaller key found no room";
  EXPECT_EQ(report.unassigned[0].by, "network");
  EXPECT_EQ(report.unassigned[0].octets, 800'000U);
  EXPECT_FALSE(report.any_over());
  EXPECT_TRUE(report.any_may_be_over());
  EXPECT_THAT(quota_table(report, Calendar(TimeZone(), {}), {.scope = "internet only"}),
              testing::HasSubstr("800 kB may be of any network (max_keys"));
  const auto json = nlohmann::json::parse(quota_json(report, "internet only"));
  EXPECT_EQ(json.at("unassigned")[0].at("octets"), 800'000);
}

TEST_F(QuotaTest, IsNotExceededByWhatIsTooLittleForThat) {
  config_.aggregates[0].by = {AccountingKey::kHost, AccountingKey::kNetwork};
  config_.aggregates[0].max_keys = 1;
  used(100'000, "10.0.0.6");
  EXPECT_FALSE(used(900'000).any_may_be_over());
}

TEST_F(QuotaTest, NeedsOne) {
  for (NamedNetworks& one : config_.networks) one.quota = 0;
  EXPECT_THROW(used(1), std::runtime_error);
}

}  // namespace
}  // namespace ctflow::accounting
