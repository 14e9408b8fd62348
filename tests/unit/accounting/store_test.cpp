// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/store.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "accounting/course.hpp"
#include "accounting/export_rows.hpp"
#include "accounting/prune.hpp"
#include "accounting/report.hpp"
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
    session.left = left_sessions(config_.database, session.continues);
    store_ = std::make_unique<Store>(config_, accounts_, std::move(session));
  }

  void add(const Flow& flow, Batch& to) const {
    RecentPlaces places;
    const Classified seen = classify(flow, places.of(*surroundings_, flow), accounts_->names(),
                                     neighbours_, accounts_->any());
    accounts_->add(seen, flow, now_.wall, to);
  }

  /// A report of this moment, and its transaction.
  void count(std::uint64_t octets) {
    Job job;
    job.batch = std::make_unique<Batch>(config_);
    Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
    flow.start = flow.end = now_.wall;
    flow.original_counters = {1, octets};
    flow.original_interfaces = {2, 3};
    flow.responder_origin = origin_;
    if (octets > 0) add(flow, *job.batch);
    job.interfaces = interfaces_;
    job.now = now_;
    job.totals = totals_;
    job.device_names = device_names_;
    store_->write(job);
  }

  /// A database that an earlier version left.
  void load(const std::string& name) {
    const std::string file = test::source_directory() + "/tests/data/" + name;
    std::ifstream stream(file);
    ASSERT_TRUE(stream) << file;
    const std::string sql{std::istreambuf_iterator<char>(stream), {}};
    Database(config_.database, Database::Access::kCreate).execute(sql);
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
  NetworkOrigin origin_;  ///< of the responders
  SessionTotals totals_;
  bool held_ = false;
  InterfaceTexts interfaces_{{2, "lan"}};
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
  EXPECT_EQ(number("SELECT ended - began FROM gap"), 3600) << "nothing has a time of then";
}

TEST_F(AccountingStoreTest, CountsSinceTheClockWasSet) {
  const TimePoint set = now_.wall;
  now_.wall = TimePoint(sys_days(year(1970) / 1 / 1)) + 1h;
  start();
  count(1);
  now_.wall = set;
  count(1);
  const auto since = std::chrono::floor<std::chrono::seconds>(set).time_since_epoch();
  EXPECT_EQ(number("SELECT began FROM aggregate"), since.count());
  EXPECT_EQ(number("SELECT value FROM meta WHERE name = 'began'"), since.count());
}

TEST_F(AccountingStoreTest, EntersASessionOnceIfItsFileStays) {
  std::string file;
  {
    SessionLedger ledger(config_.database);
    ledger.add(Direction::kOut, {0, 100, 0, 1, 1});
    file = session_file(config_.database, ledger.id());
  }  // as by SIGKILL
  std::filesystem::copy_file(file, directory_.path("copy"));
  start();
  count(0);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM usage WHERE level = 3"), 100);
  EXPECT_FALSE(std::filesystem::exists(file));
  std::filesystem::copy_file(directory_.path("copy"), file);  // killed before it was removed
  start();
  count(0);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM usage WHERE level = 3"), 100);
  count(0);
  EXPECT_EQ(number("SELECT count(*) FROM session"), 0) << "its file is gone";
}

TEST_F(AccountingStoreTest, KeepsTheRowOfOneWithAnotherRuntimeDirectory) {
  const auto start_in = [&](const std::string& prefix, const SessionLedger& ledger) {
    start();
    Session session;
    session.started = now_.wall;
    session.prefix = prefix;
    session.left = left_sessions(prefix, session.continues);
    session.id = ledger.id();
    store_ = std::make_unique<Store>(config_, accounts_, std::move(session));
  };
  const std::string here = directory_.path("here");
  const std::string there = directory_.path("there");
  auto ledger = std::make_unique<SessionLedger>(here);
  start_in(here, *ledger);
  totals_.amounts[1].up_octets = 100;
  totals_.amounts[1].up_packets = totals_.amounts[1].connections = 1;
  ledger->add(Direction::kOut, totals_.amounts[1]);
  count(100);
  const std::string row =
      "SELECT count(DISTINCT id) FROM session WHERE id = '" + ledger->id() + "'";
  EXPECT_EQ(number(row), 1);
  {
    SessionLedger other(there);
    start_in(there, other);
    totals_ = {};
    count(0);
    EXPECT_EQ(number(row), 1) << "it runs";
  }
  ledger.reset();  // killed
  {
    SessionLedger other(there);
    start_in(there, other);
    count(0);
    EXPECT_EQ(number(row), 1) << "where it was is not known here";
  }
  SessionLedger next(here);
  start_in(here, next);
  count(0);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM usage WHERE level = 3"), 100);
  count(0);
  EXPECT_EQ(number(row), 0) << "its file is gone";
}

TEST_F(AccountingStoreTest, ForgetsSessionsOfBootsBefore) {
  start();
  count(1);
  const std::string now = SessionLedger(directory_.path("elsewhere")).id();
  const std::string boot = now.substr(now.rfind('-'));
  EXPECT_EQ(boot.size(), 17U);
  Database database(config_.database, Database::Access::kWrite);
  // The second one is of a version that does not say.
  for (const std::string id : {"18c-2f-0123456789abcdef", "18c-2f", "18c-30"}) {
    database.execute("INSERT INTO session VALUES('" + id + "', 0, 1, 1, 1, 1, 1)");
  }
  database.execute("INSERT INTO session VALUES('18c-31" + boot + "', 0, 1, 1, 1, 1, 1)");
  { const std::ofstream kept(session_file(config_.database, "18c-30")); }
  const std::vector<LeftSession> held = left_sessions(config_.database, held_);  // by another
  start();
  count(1);
  EXPECT_EQ(number("SELECT count(*) FROM session"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM session WHERE id IN ('18c-30', '18c-31" + boot + "')"), 2);
}

TEST_F(AccountingStoreTest, HasNoRowOfASessionThatEndedAndNoFile) {
  SessionLedger ledger(config_.database);
  accounts_ = std::make_shared<Accounts>(config_);
  Session session;
  session.id = ledger.id();
  session.started = now_.wall;
  store_ = std::make_unique<Store>(config_, accounts_, std::move(session));
  count(1);
  EXPECT_EQ(number("SELECT count(DISTINCT id) FROM session"), 1);
  store_->end_session();
  EXPECT_EQ(number("SELECT count(*) FROM session"), 0);
  EXPECT_FALSE(std::filesystem::exists(session_file(config_.database, ledger.id())));
}

TEST_F(AccountingStoreTest, CountsUnderTheNewNameOfAnInterface) {
  config_.aggregates[0].by = {AccountingKey::kInterface};
  start();
  count(1);
  interfaces_ = {{2, "office"}};
  count(20);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE interface = 'lan'"), 1);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE interface = 'office'"), 20);
}

TEST_F(AccountingStoreTest, ReportsWhatWasCountedBeforeAndAfterTheTimeZoneWasSetAnew) {
  const auto count_hours = [&](int hours, std::uint64_t octets) {
    for (int hour = 0; hour < hours; ++hour) {
      count(octets);
      pass(1h);
    }
  };
  start();
  count_hours(10, 1);  // of the day that began in Berlin at 22:00
  config_.time_zone = "UTC";
  start();
  count_hours(20, 10);
  Question question;
  question.now = std::chrono::floor<std::chrono::minutes>(now_.wall);
  question.until = question.now + 1min;
  for (const auto month : {std::chrono::September, std::chrono::October}) {
    question.from = Minute(sys_days(year(2026) / month / 24));  // periods, and days
    EXPECT_EQ(ask(open_for_reading(config_.database), question).total.up_octets, 210U);
  }
}

TEST_F(AccountingStoreTest, ReportsByAnAggregateThatIsInUseNotByOneThatWasTakenOutToday) {
  start();
  count(100);
  pass(10min);
  config_.aggregates[0].by = {AccountingKey::kHost, AccountingKey::kService};
  start();
  const Minute changed = std::chrono::floor<std::chrono::minutes>(now_.wall);
  count(30);
  pass(1min);
  Question question;
  question.from = changed - 10min;
  question.now = std::chrono::floor<std::chrono::minutes>(now_.wall);
  question.until = question.now + 1min;
  question.by = "host";
  const Report report = ask(open_for_reading(config_.database), question);
  EXPECT_EQ(report.total.up_octets, 30U) << "the other has nothing since, and says so nowhere";
  ASSERT_FALSE(report.gaps.empty());
  EXPECT_EQ(report.gaps[0].reason, "accounting_began");
  EXPECT_EQ(report.gaps[0].until, changed);
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

TEST_F(AccountingStoreTest, KnowsThatItDidNotRunForSecondsOfAMinute) {
  start();
  count(1);
  pass(20s);
  start();
  count(1);
  EXPECT_EQ(number("SELECT ended - began FROM gap WHERE reason = 'not_running'"), 60);
}

TEST_F(AccountingStoreTest, SaysThatTwoCountToOneDatabase) {
  start();
  const auto other_of = [&](const char* id) {
    Session session;
    session.started = now_.wall;
    session.id = id;
    return std::make_unique<Store>(config_, accounts_, std::move(session));
  };
  auto first = other_of("a");
  auto second = other_of("b");
  const auto count_to = [&](std::unique_ptr<Store>& store) {
    pass(1min);
    store_.swap(store);
    count(1);
    store_.swap(store);
  };
  // A reload: the one of before has two transactions left.
  for (int i = 0; i < 3; ++i) count_to(first);
  for (int i = 0; i < 2; ++i) {
    count_to(second);
    count_to(first);
  }
  for (int i = 0; i < 3; ++i) count_to(second);
  const char* const count = "SELECT count(*) FROM cause WHERE kind = 'counted_twice'";
  EXPECT_EQ(number(count), 0);
  for (int i = 0; i < 2; ++i) {
    count_to(first);
    count_to(second);
  }
  EXPECT_GT(number(count), 0);
}

TEST_F(AccountingStoreTest, BeginsAnewWhereItsFileWasMovedAway) {
  start();
  count(1);
  pass(1h);
  count(20);
  const auto until = std::chrono::ceil<std::chrono::minutes>(now_.wall);
  for (const std::string suffix : {"", "-wal", "-shm"}) {
    std::filesystem::rename(config_.database + suffix, directory_.path("away") + suffix);
  }
  pass(1min + 20s);
  count(300);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM usage WHERE level = 3"), 300);
  EXPECT_EQ(number("SELECT value FROM meta WHERE name = 'began'"), seconds_of(until));
  EXPECT_EQ(number("SELECT count(*) FROM aggregate"), 1);
  EXPECT_EQ(
      test::number_in(directory_.path("away"), "SELECT sum(up_octets) FROM usage WHERE level = 3"),
      21);
}

TEST_F(AccountingStoreTest, HasAGapWhereABackupTookThePlaceOfItsFile) {
  start();
  count(1);
  Database(config_.database, Database::Access::kWrite)
      .execute("VACUUM INTO '" + directory_.path("backup") + "'");
  pass(1h);
  count(20);
  std::filesystem::rename(directory_.path("backup"), config_.database);
  for (const char* const suffix : {"-wal", "-shm"}) {
    std::filesystem::remove(config_.database + suffix);
  }
  pass(2min);
  count(300);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM usage WHERE level = 3"), 301);
  EXPECT_EQ(number("SELECT ended - began FROM gap"), 3600);
}

TEST_F(AccountingStoreTest, TakesAnAggregateWithOtherKeysForAnother) {
  start();
  count(1);
  config_.aggregates[0].by = {AccountingKey::kInterface, AccountingKey::kRemoteInterface};
  start();
  count(20);
  EXPECT_EQ(number("SELECT count(*) FROM aggregate WHERE name = 'hosts'"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM key WHERE interface = 'lan' AND remote_interface = '#3' "
                   "AND host = x''"),
            1);
  Question question;
  question.by = "interface";
  question.now = std::chrono::floor<std::chrono::minutes>(now_.wall);
  question.from = question.now;
  question.until = question.now + 1min;
  const Database database = open_for_reading(config_.database);
  const auto course = course_of(database, ask(database, question), Calendar(TimeZone(), {}));
  ASSERT_EQ(course.size(), 1U);
  EXPECT_EQ(course[0].amounts.up_octets, 20U) << "of the one that has the key now";
}

TEST_F(AccountingStoreTest, RefusesADatabaseOfALaterVersion) {
  { open_for_writing(config_.database).execute("PRAGMA user_version = 5"); }
  start();
  EXPECT_THROW(count(1), std::runtime_error);
  EXPECT_THROW(open_for_reading(config_.database), std::runtime_error);
}

TEST_F(AccountingStoreTest, BringsADatabaseOfVersion1UpToDate) {
  load("accounting-1.sql");
  EXPECT_EQ(number("SELECT sum(up_octets) FROM days WHERE host = '10.0.0.5'"), 700);
  start();
  count(7);
  EXPECT_EQ(number("PRAGMA user_version"), kSchemaVersion);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM days WHERE host = '10.0.0.5'"), 707)
      << "the row of before is found again";
  EXPECT_EQ(number("SELECT count(*) FROM key WHERE host = x'0a000005'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM days WHERE device IS NULL AND asn IS NULL AND country IS "
                   "NULL"),
            number("SELECT count(*) FROM days"));
}

TEST_F(AccountingStoreTest, BringsADatabaseOfVersion2UpToDate) {
  load("accounting-2.sql");
  start();
  count(7);
  EXPECT_EQ(number("PRAGMA user_version"), kSchemaVersion);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM days WHERE host = '10.0.0.5'"), 707)
      << "the row of before is found again";
  EXPECT_EQ(number("SELECT count(*) FROM key WHERE host = x'0a000005'"), 1);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE device = '02:00:5e:00:53:01' AND device_name "
                   "= 'tv'"),
            600);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE aggregate = 'devices' AND kind = 'other'"),
            100);
  EXPECT_EQ(number("SELECT count(*) FROM days WHERE asn IS NULL AND country IS NULL"),
            number("SELECT count(*) FROM days"));
}

TEST_F(AccountingStoreTest, BringsADatabaseOfVersion3UpToDate) {
  load("accounting-3.sql");
  Question question;
  question.from = minute_at(1'792'792'800);
  question.until = question.now = question.from + 24h;
  const auto report = [&] { return ask(open_for_reading(config_.database), question); };
  EXPECT_THAT(report().causes, testing::IsEmpty());
  EXPECT_EQ(report().missing.counters_fell, 2U);
  start();
  count(7);
  EXPECT_EQ(number("PRAGMA user_version"), kSchemaVersion);
  EXPECT_EQ(number("SELECT sum(up_octets) FROM days WHERE host = '10.0.0.5'"), 707)
      << "the row of before is found again";
  EXPECT_EQ(number("SELECT count(*) FROM cause"), 0);
  EXPECT_EQ(report().missing.counters_fell, 2U);
}

TEST_F(AccountingStoreTest, KnowsWhyIntervalsAreIncomplete) {
  start();
  count(1);
  Job job;
  job.batch = std::make_unique<Batch>(config_);
  const Minute minute = std::chrono::floor<std::chrono::minutes>(now_.wall);
  job.batch->causes[minute] = {{kFlowtableUncounted, "inet f fast"}, {kCountersReset, "nlbwmon"}};
  job.batch->causes[minute + 1min] = {{kFlowtableUncounted, "inet f fast"}};
  job.now = now_;
  job.now.wall += 2min;
  store_->write(job);
  for (int level = 0; level < 4; ++level) {
    EXPECT_EQ(number(fmt::format("SELECT count(*) FROM cause WHERE level = {}", level)),
              level == 0 ? 3 : 2);
  }
  Question question;
  question.from = minute;
  question.now = minute + 2min;
  const auto causes_until = [&](Minute until) {
    question.until = until;
    return ask(open_for_reading(config_.database), question).causes;
  };
  EXPECT_THAT(causes_until(minute + 1min),
              testing::ElementsAre(Cause{kCountersReset, "nlbwmon"},
                                   Cause{kFlowtableUncounted, "inet f fast"}));
  question.from = minute + 1min;
  EXPECT_THAT(causes_until(minute + 2min),
              testing::ElementsAre(Cause{kFlowtableUncounted, "inet f fast"}));
  EXPECT_FALSE(ask(open_for_reading(config_.database), question).complete());
  question.from = minute + 2min;
  EXPECT_THAT(causes_until(minute + 3min), testing::IsEmpty());
  EXPECT_TRUE(ask(open_for_reading(config_.database), question).complete());
  prune_rows(Database(config_.database, Database::Access::kWrite), {}, now_.wall + 60h,
             UnusedKeys::kKeep);
  EXPECT_EQ(number("SELECT count(*) FROM cause WHERE level = 0"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM cause"), 6);
}

TEST_F(AccountingStoreTest, BringsADatabaseWithAViewOfAnotherUpToDate) {
  load("accounting-2.sql");
  Database(config_.database, Database::Access::kWrite)
      .execute("CREATE VIEW mine AS SELECT * FROM days; CREATE VIEW keys AS SELECT * FROM key");
  start();
  count(7);
  EXPECT_EQ(number("SELECT count(*) FROM mine"), number("SELECT count(*) FROM days"));
  EXPECT_EQ(number("SELECT count(*) FROM keys"), number("SELECT count(*) FROM key"));
}

TEST_F(AccountingStoreTest, ExportsADatabaseOfBeforeWithoutBringingItUpToDate) {
  for (const char* const name : {"accounting-1.sql", "accounting-2.sql", "accounting-3.sql"}) {
    std::filesystem::remove(config_.database);
    load(name);
    std::ostringstream rows;
    export_rows(open_for_reading(config_.database), "days", rows);
    EXPECT_THAT(rows.str(),
                testing::StartsWith("aggregate,begin,end,direction,kind,host,network,interface,"
                                    "remote_interface,zone,mark,protocol,service,remote_network,"
                                    "device,device_name,asn,country,down_octets,up_octets,"
                                    "down_packets,up_packets,connections\n"));
    EXPECT_THAT(rows.str(), testing::HasSubstr("hosts,2026-10-23T22:00:00Z,2026-10-24T22:00:00Z,"
                                               "out,key,10.0.0.5,,,,,,,,,,,,,5000,700,10,7,3\n"))
        << name;
  }
}

TEST_F(AccountingStoreTest, CountsByAsNumberAndCountryOfTheOtherEnd) {
  config_.aggregates[0].by = {AccountingKey::kAsn, AccountingKey::kCountry};
  start();
  count(1);
  origin_ = {4'200'000'001, {'D', 'E'}};
  count(20);
  origin_.country = {'N', 'Z'};
  count(300);
  count(4000);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE asn = 0 AND country = 'unknown'"), 1);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE asn = 4200000001 AND country = 'DE'"), 20);
  EXPECT_EQ(number("SELECT up_octets FROM days WHERE asn = 4200000001 AND country = 'NZ'"), 4300);
  EXPECT_EQ(number("SELECT count(*) FROM days WHERE host IS NULL AND device IS NULL"), 3);
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

TEST_F(AccountingStoreTest, DoesNotTakeADeviceForTheTotal) {
  config_.aggregates[0].by = {AccountingKey::kDevice};
  start();
  device_names_ =
      std::make_shared<const DeviceNames>(DeviceNames{{std::string("\x0a\0\0\5", 4), "total"}});
  count(100);
  Question question;
  question.now = std::chrono::floor<std::chrono::minutes>(now_.wall);
  question.from = question.now;
  question.until = question.now + 1min;
  const Report report = ask(open_for_reading(config_.database), question);
  ASSERT_EQ(report.rows.size(), 1U);
  EXPECT_EQ(report.rows[0].name, "total (10.0.0.5)");
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
