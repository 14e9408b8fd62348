// SPDX-License-Identifier: GPL-2.0-or-later
// What a kill or a power cut leaves, at every change that SQLite makes to its files: the database
// opens, has a whole number of transactions, and what the ledger of the session knows beyond them.
// The witness for sums is plain SQL, and what the test itself has counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "accounting/check_levels.hpp"
#include "accounting/writer.hpp"
#include "support/accounting_flows.hpp"
#include "support/recorded_disk.hpp"

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;
using test::CachedDisk;
using test::DiskChange;
using test::DiskImage;
using test::Sums;

using PerDirection = std::array<Amounts, kDirections>;

constexpr const char* kDatabase = "accounting.sqlite";

PerDirection difference(const PerDirection& more, const PerDirection& less) {
  PerDirection result = more;
  for (std::size_t i = 0; i < kDirections; ++i) result.at(i) -= less.at(i);
  return result;
}

PerDirection sum(const PerDirection& one, const PerDirection& other) {
  PerDirection result = one;
  for (std::size_t i = 0; i < kDirections; ++i) result.at(i) += other.at(i);
  return result;
}

/// A process that counts: what its ledger has said, from its beginning on.
struct Life {
  std::string file{};                             ///< of the ledger
  std::size_t begun = 0;                          ///< changes of the disk before
  std::vector<std::string> contents{};            ///< of the ledger, after each batch was counted
  std::vector<PerDirection> counted{{}};          ///< the same, as the test counts
  std::vector<std::size_t> known{std::size_t{}};  ///< by content: changes of the disk before
};

/// The database after a transaction.
struct State {
  std::size_t began = 0;               ///< changes of the disk before it, …
  std::size_t ended = 0;               ///< … and with it
  Sums sums{};                         ///< by SQL
  PerDirection total{};                ///< as the test counts
  std::vector<std::size_t> entered{};  ///< of each life: the index in `counted`
};

class PowerCutTest : public testing::Test {
 protected:
  PowerCutTest() {
    config_.database = directory_.path(kDatabase);
    config_.time_zone = "UTC0";
    config_.retention.minutes = 100min;
    config_.retention.hours = std::chrono::days(1);
    for (const auto& [name, key, most] : {std::tuple("hosts", AccountingKey::kHost, 10'000U),
                                          std::tuple("services", AccountingKey::kService, 2U)}) {
      AggregateConfig& one = config_.aggregates.emplace_back();
      one.name = name;
      one.by = {key};
      one.max_keys = most;
    }
    accounts_ = std::make_shared<Accounts>(config_);
    spdlog::set_level(spdlog::level::off);  // a warning for each start that finds a ledger
  }
  ~PowerCutTest() override { spdlog::set_level(log_level_); }
  PowerCutTest(const PowerCutTest&) = delete;
  PowerCutTest& operator=(const PowerCutTest&) = delete;
  PowerCutTest(PowerCutTest&&) = delete;
  PowerCutTest& operator=(PowerCutTest&&) = delete;

  void pass(std::chrono::nanoseconds time) {
    now_.wall += time;
    now_.steady += time;
  }

  /// A report of now, counted by the test, too.
  PerDirection offer(Batch& batch, SessionLedger* ledger) {
    struct Ends {
      const char* from;
      const char* to;
      Direction direction;
      bool host_answers;
    };
    static constexpr std::array<Ends, 4> kEnds{
        {{"10.0.0.%", "198.51.100.7", Direction::kOut, false},
         {"198.51.100.7", "10.0.0.%", Direction::kIn, true},
         {"fd00::%", "fd00::9", Direction::kLocal, false},
         {"192.0.2.%", "198.51.100.7", Direction::kThrough, false}}};
    const Ends& ends = kEnds.at(random_() % kEnds.size());
    const auto address = [&](std::string text) {
      const std::size_t at = text.find('%');
      if (at != std::string::npos) text.replace(at, 1, std::to_string(2 + random_() % 7));
      return text;
    };
    constexpr std::array<std::uint16_t, 3> kPorts{22, 53, 4711};
    Flow flow = test::report_between(address(ends.from), address(ends.to),
                                     kPorts.at(random_() % kPorts.size()));
    flow.start = flow.end = now_.wall;
    if (random_() % 4 != 0) {  // else one that the kernel did not count
      flow.original_counters = {1 + random_() % 9, 1 + random_() % 9000};
      flow.reply_counters = {random_() % 9, random_() % 9000};
    }
    if (random_() % 4 == 0) flow.earlier.start = flow.start - 1h;
    const Counters& up = ends.host_answers ? flow.reply_counters : flow.original_counters;
    const Counters& down = ends.host_answers ? flow.original_counters : flow.reply_counters;
    const std::uint64_t first = flow.earlier == EarlierReports{} ? 1 : 0;
    PerDirection mine{};
    mine.at(static_cast<std::size_t>(ends.direction)) = {down.octets, up.octets, down.packets,
                                                         up.packets, first};
    const Classified seen = test::add_report(*accounts_, flow, *surroundings_, now_.wall, batch);
    if (ledger != nullptr) ledger->add(seen.direction, seen.amounts);
    return mine;
  }

  Session session_of(SessionLedger& ledger) const {
    Session session;
    session.started = now_.wall;
    session.left = left_sessions(config_.database, session.continues);
    session.id = ledger.id();
    session.ledger = std::shared_ptr<SessionLedger>(std::shared_ptr<void>(), &ledger);
    return session;
  }

  Job job_of(std::unique_ptr<Batch> batch, const SessionLedger* ledger) const {
    Job job;
    job.batch = std::move(batch);
    job.now = now_;
    if (ledger != nullptr) job.totals = ledger->totals();
    return job;
  }

  // ---- what is recorded

  void begin_life(const SessionLedger& ledger) {
    Life& life = lives_.emplace_back();
    life.file = std::string(kDatabase) + "-session-" + ledger.id();
    life.begun = disk_->changes().size();
    life.contents.push_back(directory_.content(life.file));
  }

  std::unique_ptr<Batch> count_some(SessionLedger& ledger) {
    Life& life = lives_.back();
    auto batch = std::make_unique<Batch>(config_);
    PerDirection counted = life.counted.back();
    const unsigned reports = 1 + static_cast<unsigned>(random_() % 12);
    for (unsigned i = 0; i < reports; ++i) {
      const PerDirection one = offer(*batch, &ledger);
      counted = sum(counted, one);
      const auto minute = std::chrono::floor<std::chrono::minutes>(now_.wall);
      by_minute_[minute] = sum(by_minute_[minute], one);
    }
    life.counted.push_back(counted);
    life.contents.push_back(directory_.content(life.file));
    life.known.push_back(disk_->changes().size());
    return batch;
  }

  /// `write` commits what the last life has counted, and all of the others.
  template <typename Write>
  void commit(Write write) {
    State state;
    state.began = disk_->changes().size();
    write();
    state.ended = disk_->changes().size();
    state.sums = test::sums_in(config_.database);
    for (const Life& life : lives_) {
      state.total = sum(state.total, life.counted.back());
      state.entered.push_back(life.counted.size() - 1);
    }
    check_against_model(state.sums);
    states_.push_back(std::move(state));
  }

  /// Each row that is kept, and none besides.
  void check_against_model(const Sums& sums) const {
    Sums model;
    const auto second = [](TimePoint time) {
      return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    };
    for (const auto& [minute, amounts] : by_minute_) {
      const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(minute)};
      const std::array<std::int64_t, 4> times{
          second(minute), second(std::chrono::floor<std::chrono::hours>(minute)),
          second(std::chrono::sys_days(day)),
          second(std::chrono::sys_days(day.year() / day.month() / 1))};
      for (int level = 0; level < 4; ++level) {
        for (const AggregateConfig& aggregate : config_.aggregates) {
          for (std::size_t i = 0; i < kDirections; ++i) {
            if (amounts.at(i) == Amounts{}) continue;
            model[{level, times.at(static_cast<std::size_t>(level)), aggregate.name,
                   static_cast<int>(i)}] += amounts.at(i);
          }
        }
      }
    }
    const std::array<std::int64_t, 4> kept{second(now_.wall - config_.retention.minutes),
                                           second(now_.wall - config_.retention.hours), 0, 0};
    for (const auto& [place, amounts] : model) {
      const auto found = sums.find(place);
      const bool must = std::get<1>(place) >= kept.at(static_cast<std::size_t>(std::get<0>(place)));
      if (found == sums.end()) {
        EXPECT_FALSE(must) << "level " << std::get<0>(place) << " time " << std::get<1>(place);
      } else {
        EXPECT_EQ(found->second, amounts) << "level " << std::get<0>(place);
      }
    }
    for (const auto& [place, amounts] : sums) {
      EXPECT_TRUE(amounts == Amounts{} || model.count(place) == 1);
    }
  }

  void checkpoint(const char* mode) {
    Database(config_.database, Database::Access::kWrite)
        .execute(std::string("PRAGMA wal_checkpoint(") + mode + ")");
  }

  /// Transactions of one that is killed, of one that ends, and of one after it; with checkpoints,
  /// the first rows of three months, and removal of minutes and hours.
  void record() {
    disk_ = std::make_unique<test::RecordedDisk>();
    states_.emplace_back();
    {
      SessionLedger ledger(config_.database);
      begin_life(ledger);
      Store store(config_, accounts_, session_of(ledger));
      for (int i = 0; i < 5; ++i) {
        auto job = job_of(count_some(ledger), &ledger);
        commit([&] { store.write(job); });
        if (i == 1) checkpoint("PASSIVE");
        if (i == 3) checkpoint("TRUNCATE");
        pass(std::chrono::minutes(1 + random_() % 300));
      }
      const TimePoint last = now_.wall;
      auto job = job_of(count_some(ledger), &ledger);
      commit([&] { store.write(job); });
      pass(std::chrono::minutes(random_() % 60));
      const TimePoint killed = now_.wall;
      now_.wall = last;  // the minute that its uncounted octets are entered in
      count_some(ledger);
      now_.wall = killed;
    }
    for (int life = 0; life < 2; ++life) {
      SessionLedger ledger(config_.database);
      begin_life(ledger);
      Writer writer(std::make_unique<Store>(config_, accounts_, session_of(ledger)),
                    [this] { return surroundings_; });
      writer.start();
      for (int i = 0; i < 5; ++i) {
        auto job = job_of(count_some(ledger), &ledger);
        commit([&] {
          writer.give(std::move(job));
          while (!writer.take_written().batch) std::this_thread::sleep_for(1ms);
        });
        if (i == 1) checkpoint("RESTART");
        pass(std::chrono::minutes(1 + random_() % 500));
      }
      EXPECT_TRUE(writer.stop(10s));
    }
    changes_ = disk_->changes();
    disk_.reset();
  }

  // ---- what a cut leaves

  /// What the start after a cut finds of the ledger of a life. `order`: as of a kill, where the
  /// kernel lives on; else it may be of any time before, or empty, or have no name yet.
  std::optional<std::size_t> ledger_content(const Life& life, std::size_t at, bool in_order) {
    if (at < life.begun) return std::nullopt;
    std::size_t newest = 0;
    while (newest + 1 < life.known.size() && life.known[newest + 1] <= at) ++newest;
    if (in_order) return newest;
    if (random_() % 3 == 0) return newest;
    if (random_() % 4 == 0) return std::nullopt;
    return random_() % (newest + 1);
  }

  void check(const DiskImage& image, std::size_t at, bool in_order, std::size_t durable) {
    const test::TemporaryDirectory copy;
    AccountingConfig config = config_;
    config.database = copy.path(kDatabase);
    image.write_to(copy.name());
    const State& state = opened(config.database, at, in_order, durable);
    if (HasFailure() || (in_order && random_() % 3 != 0)) return;  // going on takes longest
    PerDirection expected = state.total;
    for (std::size_t i = 0; i < lives_.size(); ++i) {
      const Life& life = lives_[i];
      const std::size_t entered = i < state.entered.size() ? state.entered[i] : 0;
      if (image.removed(life.file)) {
        ASSERT_EQ(entered + 1, life.counted.size())
            << "the ledger is gone, and the database lacks what it had";
        continue;
      }
      const auto content = ledger_content(life, at, in_order);
      if (!content) continue;
      std::string octets = life.contents[*content];
      if (*content == 0 && random_() % 2 == 0) octets.assign(octets.size(), '\0');  // as allocated
      std::ofstream(copy.path(life.file), std::ios::binary) << octets;
      if (*content <= entered) continue;
      expected = sum(expected, difference(life.counted[*content], life.counted[entered]));
    }
    go_on(config, expected);
  }

  /// Which of the states the database is in.
  const State& opened(const std::string& file, std::size_t at, bool in_order,
                      std::size_t durable) const {
    const Database database = open_for_writing(file);
    Statement integrity(database, "PRAGMA integrity_check");
    integrity.step();
    EXPECT_EQ(integrity.text(0), "ok");
    const Sums sums = test::sums_in(file);
    const auto same = [&](const State& one) { return one.sums == sums; };
    const auto found = std::find_if(states_.rbegin(), states_.rend(), same);
    if (found == states_.rend()) {
      ADD_FAILURE() << "neither of the transactions has these sums";
      return states_.front();
    }
    const auto number = static_cast<std::size_t>(found.base() - states_.begin()) - 1;
    EXPECT_LE(found->began, at) << "a transaction that had not begun";
    EXPECT_GE(number, durable) << "a transaction that was committed is gone";
    if (in_order) {
      const bool next_ended = number + 1 < states_.size() && states_[number + 1].ended <= at;
      EXPECT_FALSE(next_ended) << "a transaction that was committed is gone";
    }
    seen_.insert(number);
    return *found;
  }

  /// As the next two starts do.
  void go_on(const AccountingConfig& config, PerDirection expected) {
    const Instant before = now_;
    for (int start = 0; start < 2; ++start) {
      pass(30s);
      bool another_runs = false;
      Session session;
      session.started = now_.wall;
      session.left = left_sessions(config.database, another_runs);
      EXPECT_EQ(session.left.empty() || start == 0, true) << "it was entered already";
      Store store(config, accounts_, std::move(session));
      auto batch = std::make_unique<Batch>(config);
      expected = sum(expected, offer(*batch, nullptr));
      Job job;
      job.batch = std::move(batch);
      job.now = now_;
      store.write(job);
    }
    now_ = before;
    const Database database = open_for_reading(config.database);
    EXPECT_THAT(check_database(database), testing::IsEmpty());
    for (const AggregateConfig& aggregate : config.aggregates) {
      PerDirection total{};
      for (const auto& [place, amounts] : test::sums_in(config.database)) {
        if (std::get<0>(place) == 3 && std::get<2>(place) == aggregate.name) {
          total.at(static_cast<std::size_t>(std::get<3>(place))) += amounts;
        }
      }
      EXPECT_EQ(total, expected) << aggregate.name;
    }
  }

  /// States that the disk must have: each that was committed by then.
  [[nodiscard]] std::size_t durable_at(std::size_t at) const {
    std::size_t states = 0;
    while (states + 1 < states_.size() && states_[states + 1].ended <= at) ++states;
    return states;
  }

  test::TemporaryDirectory directory_;
  AccountingConfig config_;
  std::shared_ptr<const Accounts> accounts_;
  std::shared_ptr<const Surroundings> surroundings_ = test::sample_surroundings();
  Instant now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 29) + 14h, MonoTime(1h)};
  std::unique_ptr<test::RecordedDisk> disk_;
  std::vector<DiskChange> changes_;
  std::vector<Life> lives_;
  std::vector<State> states_;
  std::map<TimePoint, PerDirection> by_minute_;
  mutable std::set<std::size_t> seen_;
  const spdlog::level::level_enum log_level_ = spdlog::get_level();
  const unsigned seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
};

TEST_F(PowerCutTest, AKillLeavesWholeTransactionsAndNoOctetIsLost) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  record();
  const test::RecordedDisk quick;  // nothing is synchronised
  DiskImage image;
  for (std::size_t at = 0; at < changes_.size() && !HasFailure(); ++at) {
    SCOPED_TRACE(testing::Message()
                 << "change " << at << " of " << changes_.size() << ", " << changes_[at].file);
    if (changes_[at].kind == DiskChange::Kind::kSync) continue;
    check(image, at, true, 0);
    image.apply(changes_[at]);
  }
  EXPECT_EQ(seen_.size(), states_.size()) << "not every transaction was cut";
}

TEST_F(PowerCutTest, ATornWriteLeavesWholeTransactions) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  record();
  const test::RecordedDisk quick;
  DiskImage image;
  for (std::size_t at = 0; at < changes_.size() && !HasFailure(); ++at) {
    SCOPED_TRACE(testing::Message()
                 << "change " << at << " of " << changes_.size() << ", " << changes_[at].file);
    const std::size_t size = changes_[at].octets.size();
    if (size > 1 && random_() % 3 == 0) {
      DiskImage torn = image;
      const std::size_t cut = random_() % 2 == 0 ? size / 2 : 1 + random_() % (size - 1);
      const bool first = random_() % 4 != 0;
      torn.apply(changes_[at], first ? 0 : cut, first ? cut : size, random_() % 2 == 0);
      check(torn, at, true, 0);
    }
    image.apply(changes_[at]);
  }
}

TEST_F(PowerCutTest, APowerCutLeavesWholeTransactionsAndWhatTheLedgerKnows) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  record();
  const test::RecordedDisk quick;
  CachedDisk disk;
  for (std::size_t at = 0; at < changes_.size() && !HasFailure(); ++at) {
    SCOPED_TRACE(testing::Message()
                 << "change " << at << " of " << changes_.size() << ", " << changes_[at].file);
    if (random_() % 2 == 0) check(disk.after_power_cut(random_), at, false, durable_at(at));
    disk.apply(changes_[at]);
  }
  EXPECT_GT(seen_.size(), states_.size() / 2);
}

}  // namespace
}  // namespace ctflow::accounting
