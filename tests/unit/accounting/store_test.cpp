// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/store.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "support/accounting_flows.hpp"
#include "support/source_directory.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;

class AccountingStoreTest : public testing::Test {
 protected:
  AccountingStoreTest() {
    config_.database = directory_.path("accounting.sqlite");
    config_.time_zone = "CET-1CEST,M3.5.0,M10.5.0/3";
    AggregateConfig hosts;
    hosts.name = "hosts";
    hosts.by = {AccountingKey::kHost};
    config_.aggregates = {hosts};
  }

  /// Another process.
  void start() {
    accounts_ = std::make_shared<Accounts>(config_);
    Session session;
    session.started = now_.wall;
    store_ = std::make_unique<Store>(config_, accounts_, std::move(session));
  }

  void add(const Flow& flow, Batch& to) const {
    const Classified seen =
        accounts_->classified(flow, *surroundings_, neighbours_, KeySelection({}));
    accounts_->add(seen, flow, now_.wall, to);
  }

  /// A report of this moment, and its transaction.
  void count(std::uint64_t octets) {
    Job job;
    job.batch = std::make_unique<Batch>(config_);
    Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
    flow.start = flow.end = now_.wall;
    flow.forward = {1, octets};
    flow.forward_interfaces = {2, 3};
    if (octets > 0) add(flow, *job.batch);
    job.interfaces = {{2, "lan"}};
    job.now = now_;
    job.device_names = device_names_;
    store_->write(job);
  }

  void pass(std::chrono::nanoseconds time) {
    now_.wall += time;
    now_.steady += time;
  }

  std::int64_t number(const std::string& sql) { return test::number_in(config_.database, sql); }

  test::TemporaryDirectory directory_;
  AccountingConfig config_;
  std::shared_ptr<const Surroundings> surroundings_ = test::sample_surroundings();
  Neighbours neighbours_;
  std::shared_ptr<const DeviceNames> device_names_;
  std::shared_ptr<const Accounts> accounts_;
  std::unique_ptr<Store> store_;
  Instant now_{sys_days(year(2026) / 10 / 24) + 22h, MonoTime(1h)};  // midnight in Berlin
};

TEST_F(AccountingStoreTest, GivesADayOf25HoursOneRow) {
  start();
  for (int hour = 0; hour < 25; ++hour) {
    count(1);
    pass(1h);
  }
  EXPECT_EQ(number("SELECT count(*) FROM usage WHERE level = 2"), 1);
  EXPECT_EQ(number("SELECT up_octets FROM usage WHERE level = 2"), 25);
  EXPECT_EQ(number("SELECT until - time FROM interval WHERE level = 2"), 25 * 3600);
  EXPECT_EQ(number("SELECT count(*) FROM usage WHERE level = 1"), 25);
  count(1);
  EXPECT_EQ(number("SELECT count(*) FROM usage WHERE level = 2"), 2);
}

TEST_F(AccountingStoreTest, EntersWhatAClockThatIsNotSetSaysInTheLastMinute) {
  start();
  count(1);
  now_.wall = TimePoint(sys_days(year(1970) / 1 / 1)) + 1h;
  start();
  count(10);
  pass(5min);
  count(100);
  EXPECT_EQ(number("SELECT count(*) FROM usage WHERE level = 3"), 1);
  EXPECT_EQ(number("SELECT up_octets FROM usage WHERE level = 0"), 111);
  EXPECT_EQ(number("SELECT sum(late) FROM interval WHERE level = 0"), 2);
  now_.wall = sys_days(year(2026) / 10 / 24) + 23h;
  count(1000);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM usage WHERE level = 3"), 1111);
  EXPECT_EQ(number("SELECT count(*) FROM usage WHERE level = 0"), 2);
}

TEST_F(AccountingStoreTest, CountsNothingTwiceWhenTheClockIsSet) {
  start();
  for (const auto step : {1h, -1h, -1h, 1h}) {
    count(1);
    now_.wall += step;
    pass(1s);
  }
  count(1);
  for (const char* level : {"0", "1", "2", "3"}) {
    EXPECT_EQ(number("SELECT sum(up_octets) FROM usage WHERE level = " + std::string(level)), 5);
  }
}

TEST_F(AccountingStoreTest, RemovesNothingBeforeTheClockHasRunEvenly) {
  start();
  count(1);
  now_.wall += std::chrono::days(4000);  // a clock that was wrong, or is
  count(1);
  pass(9min);
  count(0);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM usage WHERE level = 3"), 2);
  pass(2min);
  count(0);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM usage WHERE level = 3"), 1);
}

TEST_F(AccountingStoreTest, KnowsWhenItDidNotRun) {
  start();
  count(1);
  pass(1h);
  start();
  count(1);
  EXPECT_EQ(number("SELECT ended - began FROM gap WHERE reason = 'not_running'"), 3600);
}

TEST_F(AccountingStoreTest, TakesAnAggregateWithOtherKeysForAnother) {
  start();
  count(1);
  config_.aggregates[0].by = {AccountingKey::kInterface, AccountingKey::kRemoteInterface};
  start();
  count(1);
  EXPECT_EQ(number("SELECT count(*) FROM aggregate WHERE name = 'hosts'"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM key WHERE interface = 'lan' AND remote_interface = '#3' "
                   "AND host = x''"),
            1);
}

TEST_F(AccountingStoreTest, RefusesADatabaseOfALaterVersion) {
  { open_for_writing(config_.database).execute("PRAGMA user_version = 3"); }
  start();
  EXPECT_THROW(count(1), std::runtime_error);
  EXPECT_THROW(open_for_reading(config_.database), std::runtime_error);
}

TEST_F(AccountingStoreTest, BringsADatabaseOfVersion1UpToDate) {
  const std::string file = test::source_directory() + "/tests/data/accounting-1.sql";
  std::ifstream stream(file);
  ASSERT_TRUE(stream) << file;
  const std::string sql{std::istreambuf_iterator<char>(stream), {}};
  { Database(config_.database, Database::Access::kCreate).execute(sql); }
  EXPECT_EQ(number("SELECT sum(up_octets) FROM days WHERE host = '10.0.0.5'"), 700);
  start();
  count(7);
  EXPECT_EQ(number("PRAGMA user_version"), kSchemaVersion);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM days WHERE host = '10.0.0.5'"), 707)
      << "the row of before is found again";
  EXPECT_EQ(number("SELECT count(*) FROM key WHERE host = x'0a000005'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM days WHERE device IS NULL"),
            number("SELECT count(*) FROM days"));
}

TEST_F(AccountingStoreTest, CountsADeviceUnderItsMacAddressOrElseItsAddress) {
  config_.aggregates[0].by = {AccountingKey::kDevice};
  start();
  count(100);
  NeighbourMessage seen;
  seen.family = AddressFamily::kIpv4;
  seen.address = test::text_address("10.0.0.5").address;
  seen.interface = 2;
  seen.mac = 0x02005e005301;
  neighbours_.apply(seen, now_.wall - 1min);
  device_names_ = std::make_shared<const DeviceNames>(
      DeviceNames{{mac_octets(seen.mac), "tv"}, {std::string("\x0a\0\0\5", 4), "unknown"}});
  count(20);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE device = '10.0.0.5' AND device_name = "
                   "'unknown' AND host IS NULL"),
            100);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE device = '02:00:5e:00:53:01' AND device_name "
                   "= 'tv'"),
            20);
  device_names_ =
      std::make_shared<const DeviceNames>(DeviceNames{{mac_octets(seen.mac), "television"}});
  count(3);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE device_name = 'television'"), 23);
}

TEST_F(AccountingStoreTest, ForgetsNamesThatNothingHasAnyMore) {
  config_.aggregates[0].by = {AccountingKey::kDevice};
  start();
  const std::string counted("\x0a\0\0\5", 4);
  const std::string leased("\x0a\0\0\6", 4);
  const std::string gone("\x0a\0\0\7", 4);
  device_names_ = std::make_shared<const DeviceNames>(
      DeviceNames{{counted, "counted"}, {leased, "leased"}, {gone, "gone"}});
  count(1);
  EXPECT_EQ(number("SELECT count(*) FROM device"), 3);
  device_names_ = std::make_shared<const DeviceNames>(DeviceNames{{leased, "leased"}});
  count(1);
  EXPECT_EQ(number("SELECT count(*) FROM device"), 3);
  pass(11min);
  count(1);
  EXPECT_EQ(number("SELECT count(*) FROM device WHERE name IN ('counted', 'leased')"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM device"), 2);
}

TEST_F(AccountingStoreTest, HasViewsThatPeopleCanRead) {
  start();
  count(7);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE aggregate = 'hosts' AND host = '10.0.0.5' AND "
                   "direction = 'out' AND kind = 'key' AND begin = '2026-10-24T22:00:00Z' AND end "
                   "= '2026-10-25T23:00:00Z' AND network IS NULL AND mark IS NULL"),
            7);
}

}  // namespace
}  // namespace ctflow::accounting
