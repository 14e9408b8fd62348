// SPDX-License-Identifier: GPL-2.0-or-later
// What must hold whatever happens: for every interval and direction, the rows, `other` and
// `uncounted` are together what the flow reports had. The witness counts them in another way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "accounting/check_levels.hpp"
#include "accounting/report.hpp"
#include "support/accounting_flows.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;
using test::Sums;

const TimePoint kStart = std::chrono::sys_days(std::chrono::year(2026) / 11 / 29) + 20h;

AggregateConfig aggregate(const std::string& name, std::vector<AccountingKey> by,
                          std::uint64_t max_keys = 10'000) {
  AggregateConfig result;
  result.name = name;
  result.by = std::move(by);
  result.max_keys = max_keys;
  return result;
}

AccountingConfig settings(const std::string& directory) {
  AccountingConfig config;
  config.database = directory + "/accounting.sqlite";
  config.time_zone = "UTC";
  config.aggregates = {
      aggregate("hosts", {AccountingKey::kHost}),
      aggregate("few", {AccountingKey::kHost, AccountingKey::kService}, 7),
      aggregate("one", {AccountingKey::kHost, AccountingKey::kMark, AccountingKey::kZone}, 1),
      aggregate("directions", {AccountingKey::kDirection}),
  };
  config.networks = {
      {"office", {{AddressFamily::kIpv4, test::text_address("10.1.0.0").address, 16}}}};
  return config;
}

/// Counts flow reports by itself: one nanosecond's share at a time would be exact, so the shares of
/// minutes are rounded down as the documentation says, in long division.
class Witness {
 public:
  explicit Witness(const AccountingConfig& config) : config_(config) {}

  void count(const Flow& flow, int direction, bool host_answers, TimePoint now) {
    const std::uint64_t first = flow.earlier == EarlierReports{} ? 1 : 0;
    const Counters up = host_answers ? flow.reply_counters : flow.original_counters;
    const Counters down = host_answers ? flow.original_counters : flow.reply_counters;
    const std::int64_t to = std::min(flow.end, now).time_since_epoch().count();
    const std::int64_t from = std::min(flow.start.time_since_epoch().count(), to);
    const std::int64_t oldest =
        (now.time_since_epoch().count() / kMinute - config_.retention.minutes / 1min) * kMinute;
    Amounts left{down.octets, up.octets, down.packets, up.packets, first};
    const Amounts total = left;
    const std::int64_t last = (to > from ? to - 1 : to) / kMinute * kMinute;
    for (std::int64_t begin = from / kMinute * kMinute; begin < last; begin += kMinute) {
      if (begin + kMinute <= oldest) continue;  // with the oldest
      const std::int64_t since = begin <= oldest ? from : std::max(begin, from);
      const std::int64_t part = begin + kMinute - since;
      const auto share = [&](std::uint64_t all) { return divided(all, part, to - from); };
      const Amounts now_part{share(total.down_octets), share(total.up_octets),
                             share(total.down_packets), share(total.up_packets), left.connections};
      left -= now_part;
      enter(std::max(begin, oldest), direction, now_part);
    }
    enter(std::max(last, oldest), direction, left);
  }

  Sums sums;

 private:
  static constexpr std::int64_t kMinute = 60'000'000'000;

  static std::uint64_t divided(std::uint64_t all, std::int64_t part, std::int64_t whole) {
    // all * part / whole, digit by digit
    std::uint64_t quotient = 0;
    std::uint64_t rest = 0;
    for (int bit = 63; bit >= 0; --bit) {
      quotient *= 2;
      rest *= 2;
      if ((all >> bit & 1) != 0) rest += static_cast<std::uint64_t>(part);
      quotient += rest / static_cast<std::uint64_t>(whole);
      rest %= static_cast<std::uint64_t>(whole);
    }
    return quotient;
  }

  void enter(std::int64_t minute, int direction, const Amounts& amounts) {
    const std::int64_t seconds = minute / 1'000'000'000;
    const std::chrono::year_month_day day{
        std::chrono::sys_days(std::chrono::days(seconds / 86400))};
    const auto month = std::chrono::sys_days(day.year() / day.month() / 1).time_since_epoch();
    const std::array<std::int64_t, 4> times{seconds, seconds / 3600 * 3600, seconds / 86400 * 86400,
                                            month.count() * 86400};
    for (int level = 0; level < 4; ++level) {
      for (const AggregateConfig& one : config_.aggregates) {
        sums[{level, times[static_cast<std::size_t>(level)], one.name, direction}] += amounts;
      }
    }
  }

  AccountingConfig config_;
};

/// Rows of nothing are no difference.
Sums without_nothing(Sums sums) {
  std::erase_if(sums, [](const auto& one) { return one.second == Amounts{}; });
  return sums;
}

class ConservationTest : public testing::Test {
 protected:
  std::unique_ptr<Store> make_store(Session session = {}) {
    session.started = now_.wall;
    return std::make_unique<Store>(config_, accounts_, std::move(session));
  }

  void pass(std::chrono::nanoseconds time) {
    now_.wall += time;
    now_.steady += time;
  }

  /// A random report that ends now or before; what the witness must know of it is in the numbers.
  void offer_random(Batch& batch, SessionLedger* ledger = nullptr) {
    struct Ends {
      const char* from;
      const char* to;
      int direction;
      bool host_answers;
    };
    static const std::array<Ends, 9> kEnds{{{"10.0.0.%", "198.51.100.%", 1, false},
                                            {"198.51.100.%", "10.1.0.%", 0, true},
                                            {"10.0.0.%", "10.1.0.%", 2, false},
                                            {"198.51.100.%", "192.0.2.%", 3, false},
                                            {"10.0.0.%", "10.0.0.1", 4, false},
                                            {"198.51.100.%", "203.0.113.7", 4, true},
                                            {"203.0.113.7", "198.51.100.%", 4, false},
                                            {"fd00::%", "2001:db8::%", 1, false},
                                            {"2001:db8::%", "fd00::%", 0, true}}};
    const auto any = [&] { return random_() >> (random_() % 64); };
    const Ends& ends = kEnds.at(random_() % kEnds.size());
    const auto address = [&](std::string text) {
      const std::size_t at = text.find('%');
      if (at != std::string::npos) text.replace(at, 1, std::to_string(2 + random_() % 40));
      return text;
    };
    constexpr std::array<std::uint16_t, 4> kPorts{22, 53, 443, 4711};
    Flow flow = test::report_between(address(ends.from), address(ends.to),
                                     kPorts.at(random_() % kPorts.size()));
    flow.mark = static_cast<std::uint32_t>(random_() % 3);
    flow.original_counters = {any() >> 24,
                              any() >> 24};  // a sum of many must not overflow SQLite's integers
    flow.reply_counters = {any() >> 24, any() >> 24};
    flow.end = now_.wall - std::chrono::nanoseconds(any() % 400'000'000'000) + 20s;
    flow.start =
        flow.end - std::chrono::nanoseconds(random_() % 60 == 0 ? any() % 200'000'000'000'000
                                                                : any() % 200'000'000'000);
    if (random_() % 2 == 0) flow.earlier.start = flow.start - 1h;
    const Classified added = test::add_report(*accounts_, flow, *surroundings_, now_.wall, batch);
    ASSERT_EQ(static_cast<int>(added.direction), ends.direction);
    if (ledger != nullptr) ledger->add(added.direction, added.amounts);
    witness_.count(flow, ends.direction, ends.host_answers, now_.wall);
  }

  Job job_of(std::unique_ptr<Batch> batch, const SessionLedger* ledger = nullptr) const {
    Job job;
    job.batch = std::move(batch);
    job.now = now_;
    if (ledger != nullptr) job.totals = ledger->totals();
    return job;
  }

  std::unique_ptr<Batch> fresh() const { return std::make_unique<Batch>(config_); }

  test::TemporaryDirectory directory_;
  AccountingConfig config_ = settings(directory_.name());
  std::shared_ptr<const Accounts> accounts_ = std::make_shared<Accounts>(config_);
  std::shared_ptr<const Surroundings> surroundings_ = test::sample_surroundings();
  Witness witness_{config_};
  Instant now_{kStart, MonoTime(1h)};
  const unsigned seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
};

TEST_F(ConservationTest, HoldsForEveryIntervalDirectionAndAggregate) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  auto store = make_store();
  for (int commit = 0; commit < 8; ++commit) {
    auto batch = fresh();
    for (int i = 0; i < 200; ++i) offer_random(*batch);
    store->write(job_of(std::move(batch)));
    pass(std::chrono::minutes(random_() % 40));
  }
  // Older minutes may have been removed; what they had is in the longer intervals.
  const std::int64_t kept =
      std::chrono::floor<std::chrono::seconds>(now_.wall - config_.retention.minutes)
          .time_since_epoch()
          .count();
  const auto comparable = [&](Sums sums) {
    std::erase_if(sums, [&](const auto& one) {
      return std::get<0>(one.first) == 0 && std::get<1>(one.first) < kept;
    });
    return without_nothing(std::move(sums));
  };
  EXPECT_TRUE(comparable(test::sums_in(config_.database)) == comparable(witness_.sums));
  const Database database = open_for_reading(config_.database);
  EXPECT_THAT(check_database(database), testing::IsEmpty());
  EXPECT_GT(store->merged(), 0U) << "max_keys was never reached: the test tests nothing";
}

TEST_F(ConservationTest, KeepsEachIntervalWithinMaxKeys) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  auto store = make_store();
  for (int commit = 0; commit < 3; ++commit) {
    auto batch = fresh();
    for (int i = 0; i < 300; ++i) offer_random(*batch);
    store->write(job_of(std::move(batch)));
  }
  const auto most = [&](const std::string& name) {
    return test::number_in(config_.database,
                           "SELECT max(n) FROM (SELECT count(*) AS n FROM usage JOIN key ON key.id "
                           "= usage.key JOIN aggregate ON aggregate.id = usage.aggregate WHERE "
                           "kind = 0 AND name = '" +
                               name + "' GROUP BY level, time)");
  };
  EXPECT_EQ(most("few"), 7);
  EXPECT_EQ(most("one"), 1);
  EXPECT_GT(most("hosts"), 7);
}

TEST_F(ConservationTest, KeepsTheSumsWhenARefusedTransactionIsTriedAgain) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  auto store = make_store();
  store->write(job_of(fresh()));
  Database blocker(config_.database, Database::Access::kWrite);
  auto batch = fresh();
  for (int i = 0; i < 200; ++i) offer_random(*batch);
  Job job = job_of(std::move(batch));
  blocker.execute("BEGIN IMMEDIATE");
  EXPECT_THROW(store->write(job), SqliteError);
  blocker.execute("ROLLBACK");
  // One that fails in the middle.
  blocker.execute(
      "CREATE TRIGGER refuse BEFORE INSERT ON usage WHEN NEW.level = 2 BEGIN SELECT "
      "RAISE(ABORT, 'no'); END");
  EXPECT_THROW(store->write(job), SqliteError);
  blocker.execute("DROP TRIGGER refuse");
  store->write(job);
  EXPECT_TRUE(without_nothing(test::sums_in(config_.database)) == without_nothing(witness_.sums));
}

TEST_F(ConservationTest, EntersWhatAKilledProcessHadNotWritten) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  {
    SessionLedger ledger(config_.database);
    Session session;
    session.id = ledger.id();
    auto store = make_store(std::move(session));
    for (int commit = 0; commit < 3; ++commit) {
      auto batch = fresh();
      for (int i = 0; i < 100; ++i) offer_random(*batch, &ledger);
      store->write(job_of(std::move(batch), &ledger));
    }
    auto batch = fresh();
    for (int i = 0; i < 100; ++i) offer_random(*batch, &ledger);
  }  // as by SIGKILL: the file stays
  const auto totals = [&](const Sums& sums) {
    std::map<std::pair<std::string, int>, Amounts> result;
    for (const auto& [place, amounts] : sums) {
      if (std::get<0>(place) == 3) result[{std::get<2>(place), std::get<3>(place)}] += amounts;
    }
    return result;
  };
  EXPECT_NE(totals(test::sums_in(config_.database)), totals(witness_.sums));
  pass(10min);
  Session next;
  next.left = left_sessions(config_.database, next.continues);
  ASSERT_EQ(next.left.size(), 1U);
  EXPECT_FALSE(next.continues);
  auto store = make_store(std::move(next));
  store->write(job_of(fresh()));
  EXPECT_EQ(totals(test::sums_in(config_.database)), totals(witness_.sums)) << "to the octet";
  EXPECT_GT(store->recovered(), 0U);
  EXPECT_THAT(totals(test::sums_in(config_.database, "kind = 2")),
              testing::Not(testing::IsEmpty()));
  EXPECT_EQ(test::number_in(config_.database, "SELECT sum(ended - began) FROM gap"), 600);
  bool another_runs = true;
  EXPECT_TRUE(left_sessions(config_.database, another_runs).empty()) << "entered once";
  EXPECT_FALSE(another_runs);
}

TEST_F(ConservationTest, EntersNothingOfALedgerThatIsOlderThanTheDatabase) {
  const std::string old = directory_.path("old");
  std::string file;
  {
    SessionLedger ledger(config_.database);
    file = session_file(config_.database, ledger.id());
    std::filesystem::copy_file(file, old);
    Session session;
    session.id = ledger.id();
    auto batch = fresh();
    // The kernel did not count it: no octets that would tell.
    const Flow flow = test::report_between("10.0.0.5", "198.51.100.1");
    const Classified seen = test::add_report(*accounts_, flow, *surroundings_, now_.wall, *batch);
    ledger.add(seen.direction, seen.amounts);
    make_store(std::move(session))->write(job_of(std::move(batch), &ledger));
  }
  std::filesystem::rename(old, file);  // what a power cut left of it
  Session next;
  next.left = left_sessions(config_.database, next.continues);
  ASSERT_EQ(next.left.size(), 1U);
  make_store(std::move(next))->write(job_of(fresh()));
  EXPECT_EQ(test::number_in(config_.database,
                            "SELECT sum(connections) FROM days WHERE aggregate = 'hosts'"),
            1);
}

TEST_F(ConservationTest, ReportsWhatTheFlowReportsHad) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  auto store = make_store();
  for (int commit = 0; commit < 6; ++commit) {
    auto batch = fresh();
    for (int i = 0; i < 200; ++i) offer_random(*batch);
    store->write(job_of(std::move(batch)));
    pass(5h);
  }
  const Database database = open_for_reading(config_.database);
  const Minute now = std::chrono::floor<std::chrono::minutes>(now_.wall);
  // Times that begin and end anywhere: all levels are needed.
  for (int i = 0; i < 40; ++i) {
    Question question;
    question.now = now;
    question.until = now - std::chrono::minutes(random_() % 1000) + 1min;
    question.from = question.until - std::chrono::minutes(1 + random_() % 2000);
    question.by = i % 2 == 0 ? "host" : "direction";
    const auto seconds = [](Minute minute) {
      return std::chrono::seconds(minute.time_since_epoch()).count();
    };
    Amounts expected;
    for (const auto& [place, amounts] : witness_.sums) {
      const auto& [level, time, name, direction] = place;
      if (level == 0 && name == "hosts" && time >= seconds(question.from) &&
          time < seconds(question.until)) {
        expected += amounts;
      }
    }
    const Report report = ask(database, question);
    EXPECT_EQ(report.total, expected);
    EXPECT_EQ(report.from, question.from) << "minutes are kept";
    Amounts rows = report.other;
    rows += report.uncounted;
    for (const ReportRow& row : report.rows) rows += row.amounts;
    EXPECT_EQ(rows, report.total);
  }
}

}  // namespace
}  // namespace ctflow::accounting
