// SPDX-License-Identifier: GPL-2.0-or-later
// Truth rule 2 against a model of the kernel: random packets, ticks, timeouts that change, passes
// over the table, expiry and removal. Each end is within the error that is claimed for it.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <array>
#include <iostream>
#include <random>
#include <utility>
#include <vector>

#include "conntrack/flow/end_of_flow.hpp"
#include "conntrack/reported/reported_connections.hpp"
#include "ctflow/clock.hpp"
#include "support/rounds.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr TimePoint kOrigin{seconds(1'700'000'000)};
constexpr MonoTime kBegan{seconds(50'000)};
constexpr seconds kReadInterval{2};
constexpr milliseconds kPassPeriod{28'500};

/// A kernel's clock of ticks.
class Ticks {
 public:
  Ticks(std::int64_t hertz, nanoseconds phase)
      : length_(nanoseconds(seconds(1)) / hertz), phase_(phase) {}

  [[nodiscard]] std::int64_t at(TimePoint time) const {
    return (time - kOrigin + phase_) / length_;
  }
  [[nodiscard]] std::int64_t of(seconds time) const { return nanoseconds(time) / length_; }
  [[nodiscard]] nanoseconds time_of(std::int64_t ticks) const { return ticks * length_; }

 private:
  nanoseconds length_;
  nanoseconds phase_;
};

/// Settings that an administrator changes, and their readings.
class Settings {
 public:
  Settings(std::mt19937_64& random, bool changing) {
    const auto some = [&](std::initializer_list<int> of) {
      return seconds(*(of.begin() + random() % of.size()));
    };
    const auto draw = [&] {
      Timeouts drawn;
      drawn.udp = some({2, 30, 75, 20});
      drawn.udp_stream = some({60, 120, 180});
      drawn.icmp = some({1, 30});
      drawn.gre = some({30, 90});
      drawn.generic = some({600, 60});
      drawn.tcp[3] = some({100, 600, 7440, 432'000});
      drawn.tcp[8] = some({10, 2});
      drawn.tcp_unacknowledged = some({300, 60});
      drawn.tcp_max_retrans = some({300, 120});
      return drawn;
    };
    changes_.emplace_back(kOrigin - seconds(1000), draw());
    for (int i = changing ? 3 : 0; i > 0; --i) {
      const nanoseconds gap(random() % nanoseconds(seconds(120)).count());
      changes_.emplace_back(std::max(changes_.back().first, kOrigin) + gap, draw());
    }
    history_.observe({changes_.front().second, std::nullopt}, read_);
  }

  [[nodiscard]] const Timeouts& at(TimePoint time) const {
    auto change = changes_.rbegin();
    while (change->first > time) ++change;
    return change->second;
  }

  /// Everything that was read by `now`.
  const TimeoutHistory& history(TimePoint now) {
    while (read_ + kReadInterval <= now) {
      read_ += kReadInterval;
      if (read_ > changes_.back().first + kReadInterval) {
        read_ += (now - read_) / kReadInterval * kReadInterval;  // nothing changes any more
      }
      history_.observe({at(read_), std::nullopt}, read_);
    }
    return history_;
  }

  /// Nothing was changed since the last reading, which nobody could know.
  [[nodiscard]] bool settled(TimePoint now) const { return at(read_) == at(now); }

  /// What the readings before and after `time` find.
  [[nodiscard]] std::array<const Timeouts*, 2> read_around(TimePoint time) const {
    const TimePoint before = kOrigin + (time - kOrigin) / kReadInterval * kReadInterval;
    return {&at(before), &at(before + kReadInterval)};
  }

 private:
  std::vector<std::pair<TimePoint, Timeouts>> changes_;
  TimeoutHistory history_;
  TimePoint read_ = kOrigin - seconds(900);
};

/// One connection and all that is exported of it.
class Life {
 public:
  Life(std::uint64_t seed, bool changing)
      : random_(seed),
        ticks_(std::initializer_list<std::int64_t>{100, 250, 1000}.begin()[pick(3)],
               nanoseconds(pick(10'000'000))),
        settings_(random_, changing) {
    constexpr std::array<std::uint8_t, 5> kProtocols{IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP,
                                                     IPPROTO_GRE, 89};
    protocol_ = kProtocols[pick(kProtocols.size())];
    next_pass_ = kOrigin + nanoseconds(pick(nanoseconds(kPassPeriod).count()));
    observed_ = pick(4) != 0;
  }

  void run() {
    start_ = kOrigin + nanoseconds(pick(1'000'000'000));
    const std::uint64_t packets = 1 + pick(12);
    const int slowness = 1 << pick(16);  // from milliseconds to half a minute between packets
    TimePoint time = start_;
    for (std::uint64_t i = 0; i < packets; ++i) {
      if (i > 0 && ticks_.at(time) >= expires_) break;
      if (i > 0) pass_until(time);
      packet(time, i + 1 == packets);
      time += nanoseconds(pick(static_cast<std::uint64_t>(slowness) * 2'000'000));
    }
    if (pick(2) == 0) {
      expire();
    } else {
      remove();
    }
  }

  [[nodiscard]] int records() const { return records_; }
  [[nodiscard]] int unread_records() const { return unread_records_; }
  [[nodiscard]] nanoseconds worst() const { return worst_; }
  SourceCounters counters;

 private:
  std::uint64_t pick(std::uint64_t count) { return random_() % count; }

  /// A packet changes state and timeout, as the protocol's tracker has it.
  void packet(TimePoint time, bool last) {
    last_ = time;
    ++packets_;
    if (protocol_ == IPPROTO_TCP) segment(last);
    if (protocol_ == IPPROTO_UDP && packets_ > 1) status_ |= status::kSeenReply;
    if (protocol_ == IPPROTO_UDP && packets_ > 2 && time > start_ + seconds(2)) {
      status_ |= status::kAssured;
    }
    const TimePoint decides = protocol_ == IPPROTO_GRE ? start_ : time;
    timeout_ = timeout_by(settings_.at(decides));
    const auto read = settings_.read_around(decides);
    unread_ = timeout_ != timeout_by(*read[0]) && timeout_ != timeout_by(*read[1]);
    expires_ = ticks_.at(time) + ticks_.of(timeout_);
  }

  void segment(bool last) {
    constexpr std::array<std::uint8_t, 3> kHandshake{1, 2, 3};
    state_ = packets_ <= kHandshake.size() ? kHandshake[packets_ - 1] : state_;
    if (packets_ == 2) status_ |= status::kSeenReply;
    if (packets_ == 3) status_ |= status::kAssured;
    kind_ = packets_ <= kHandshake.size() ? 0 : pick(last ? 6 : 3);
    if (kind_ == 4) state_ = 8;  // a RST at the exact sequence number
    if (kind_ == 5) state_ = 7;  // both have closed
  }

  /// What the last packet sets where these are in force.
  [[nodiscard]] seconds timeout_by(const Timeouts& timeouts) const {
    constexpr std::size_t kClose = 8;  // of kind 3: a RST at an inexact sequence number
    switch (protocol_) {
      case IPPROTO_TCP:
        if (kind_ == 1) return std::min(timeouts.tcp[state_], timeouts.tcp_unacknowledged);
        if (kind_ == 2) return std::min(timeouts.tcp[state_], timeouts.tcp_max_retrans);
        return timeouts.tcp[kind_ == 3 ? kClose : state_];
      case IPPROTO_UDP:
        return (status_ & status::kAssured) != 0 ? timeouts.udp_stream : timeouts.udp;
      case IPPROTO_ICMP:
        return timeouts.icmp;
      case IPPROTO_GRE:
        return timeouts.gre;
      default:
        return timeouts.generic;
    }
  }

  [[nodiscard]] Flow look(FlowEvent event, TimePoint time) const {
    Flow flow;
    flow.original.protocol = protocol_;
    flow.id = 1;
    flow.event = event;
    flow.event_time = time;
    flow.start = start_;
    flow.status = status_;
    flow.original_counters = {packets_, packets_ * 100};
    flow.present.start = flow.present.counters = true;
    flow.state = state_;
    flow.present.state = protocol_ == IPPROTO_TCP;
    const std::int64_t left =
        std::max<std::int64_t>(expires_ - ticks_.at(time), 0) / ticks_.of(seconds(1));
    flow.timeout = static_cast<std::uint32_t>(left);
    flow.present.timeout = event == FlowEvent::kReported || left > 0;
    return flow;
  }

  [[nodiscard]] static Instant instant(TimePoint time) { return {time, kBegan + (time - kOrigin)}; }

  void pass_until(TimePoint end) {
    for (; observed_ && next_pass_ < end; next_pass_ += kPassPeriod) {
      if (pick(8) == 0) restart(next_pass_ - milliseconds(1 + pick(28'000)));
      if (next_pass_ <= start_ || ticks_.at(next_pass_) >= expires_) continue;
      Flow flow = look(FlowEvent::kReported, next_pass_);
      const Instant now = instant(next_pass_);
      const auto visit = live_.visit(ConnectionIdentity(flow), now);
      const bool old = visit == ReportedConnections::Visit::kUnknown &&
                       next_pass_ - start_ + kPassPeriod >= seconds(60);
      if (old || visit == ReportedConnections::Visit::kDue) report(flow, now);
    }
  }

  /// ctflowd is stopped and started again; its state file has what was reported, not what was seen.
  void restart(TimePoint time) {
    const Instant now = instant(time);
    ReportedConnections next(10, now.steady);
    live_.for_each([&](const ReportedConnection& entry) { next.restore(entry, now); });
    live_ = std::move(next);
  }

  void report(Flow& flow, const Instant& now) {
    const ConnectionIdentity identity(flow);
    const LastPacket found = complete(identity, flow, now);
    if (live_.report(identity, flow, now) == ReportedConnections::Outcome::kNews)
      check(flow, found);
  }

  LastPacket complete(const ConnectionIdentity& identity, Flow& flow, const Instant& now) {
    return correct_times(flow, settings_.history(now.wall), live_.last_packet(identity, now),
                         now.wall, counters);
  }

  void finish(Flow& flow) {
    const Instant now = instant(flow.event_time);
    const ConnectionIdentity identity(flow);
    const LastPacket found = complete(identity, flow, now);
    if (live_.finish(identity, flow) == ReportedConnections::Outcome::kNews) check(flow, found);
  }

  /// The garbage collector finds it up to 20 s later.
  void expire() {
    const TimePoint expiry = last_ + ticks_.time_of(expires_ - ticks_.at(last_) + 1);
    pass_until(expiry);
    const TimePoint collected = expiry + nanoseconds(pick(20'000'000'000));
    Flow flow = look(FlowEvent::kEnded, collected);
    flow.end = collected - ticks_.time_of(ticks_.at(collected) - expires_);
    flow.present.stop = true;
    finish(flow);
  }

  /// By netlink, or because its port is used again: at any time before it expires.
  void remove() {
    const nanoseconds lifetime =
        ticks_.time_of(std::max<std::int64_t>(expires_ - ticks_.at(last_), 1));
    const nanoseconds age(pick(static_cast<std::uint64_t>(lifetime.count())));
    const TimePoint removal =
        last_ + (pick(2) == 0 ? age : std::min<nanoseconds>(age, seconds(70)));
    pass_until(removal);
    Flow flow = look(FlowEvent::kEnded, removal);
    flow.end = removal;
    flow.present.stop = true;
    flow.port_id = 4711;
    flow.event_time += milliseconds(pick(30));
    finish(flow);
  }

  void check(const Flow& flow, const LastPacket& found) {
    ++records_;
    EXPECT_LE(flow.start, flow.end);
    EXPECT_LE(flow.end, flow.event_time);
    EXPECT_GE(flow.start, exported_until_) << "records overlap";
    exported_until_ = flow.end;
    if (!settings_.settled(flow.event_time)) return;
    const nanoseconds error = std::chrono::abs(flow.end - last_);
    if (unread_) {
      check_unread(flow, found, error);
      return;
    }
    EXPECT_LE(error, found.error)
        << "protocol " << int{protocol_} << " state " << int{state_} << " packets " << packets_
        << " left " << flow.timeout << " lived "
        << std::chrono::duration<double>(flow.event_time - start_).count();
    if (!found.ambiguous && found.explained) {
      EXPECT_LE(error, seconds(1) + LastPacketSearch::kTolerance);
    }
    // By the tick, not by the settings, all this is explained.
    EXPECT_TRUE(found.explained);
    worst_ = std::max(worst_, error);
  }

  /// The timeout was in force between two readings only ("twice within two seconds" in
  /// docs/protocol.md): nothing says that it ever was. Then no timeout explains the end, which is
  /// within what is known; or one that was read fits by chance, and their difference is the error.
  void check_unread(const Flow& flow, const LastPacket& found, nanoseconds error) {
    ++unread_records_;
    if (!found.explained) {
      EXPECT_LE(error, found.error);
      return;
    }
    bool by_difference = false;
    for (const auto& period : settings_.history(flow.event_time).periods()) {
      for (const seconds timeout : possible_timeouts(flow, period.timeouts).all()) {
        const nanoseconds difference = std::chrono::abs(timeout - timeout_);
        by_difference = by_difference || std::chrono::abs(error - difference) <=
                                             seconds(1) + LastPacketSearch::kTolerance;
      }
    }
    EXPECT_TRUE(by_difference) << "error " << error.count() << " ns, timeout " << timeout_.count();
  }

  std::mt19937_64 random_;
  Ticks ticks_;
  Settings settings_;
  ReportedConnections live_{10, kBegan};
  TimePoint start_{};
  TimePoint last_{};
  TimePoint next_pass_{};
  TimePoint exported_until_{};
  std::int64_t expires_ = 0;
  seconds timeout_{};
  bool unread_ = false;     ///< no reading saw the setting that `timeout_` is of
  std::uint64_t kind_ = 0;  ///< of the last segment
  std::uint64_t packets_ = 0;
  std::uint32_t status_ = 0;
  std::uint8_t protocol_ = 0;
  std::uint8_t state_ = 0;
  bool observed_ = true;
  int records_ = 0;
  int unread_records_ = 0;
  nanoseconds worst_{};
};

struct Sum {
  int records = 0;
  int unread = 0;
  std::uint64_t ambiguous = 0;
};

constexpr int kLives = test::rounds(2000);
// Of 200 lives between 6 and 64 ends are ambiguous, of 2000 between 240 and 350.
constexpr bool kEnoughForRates = kLives >= 2000;

Sum live_many(std::uint64_t first, bool changing) {
  Sum sum;
  for (std::uint64_t seed = first; seed < first + kLives && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Life life(seed, changing);
    life.run();
    sum.records += life.records();
    sum.unread += life.unread_records();
    sum.ambiguous += life.counters.end_ambiguous;
    if (!changing) {
      EXPECT_EQ(life.counters.end_unexplained, 0U);
    }
  }
  return sum;
}

/// Fixed seeds, and others at every run.
std::uint64_t fresh_seed() {
  const std::uint64_t seed = std::random_device{}();
  testing::Test::RecordProperty("seed", std::to_string(seed));
  std::cout << "first seed " << seed << '\n';
  return seed;
}

TEST(EndTimes, AreWithinTheirErrorWhateverThePackets) {
  for (const std::uint64_t first : {std::uint64_t{1}, fresh_seed()}) {
    const Sum sum = live_many(first, false);
    EXPECT_GT(sum.records, kLives * 8 / 10);
    if (kEnoughForRates) {
      EXPECT_LT(sum.ambiguous, static_cast<std::uint64_t>(sum.records) / 5) << "most are certain";
    }
  }
}

TEST(EndTimes, AreWithinTheirErrorWhileTimeoutsChange) {
  for (const std::uint64_t first : {std::uint64_t{1}, fresh_seed()}) {
    const Sum sum = live_many(first, true);
    EXPECT_GT(sum.records, kLives * 8 / 10);
    if (kEnoughForRates) {
      EXPECT_LT(sum.unread, sum.records / 50) << "a rare exception";
    }
    EXPECT_GT(sum.ambiguous, 0U) << "the model has cases that nobody can decide";
  }
}

}  // namespace
}  // namespace ctflow
