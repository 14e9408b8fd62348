// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/from_netfilter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <string_view>
#include <utility>

#include "conntrack/reported/reported_connections.hpp"
#include "extras/apply_extras.hpp"
#include "log/log.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;

constexpr Instant kNow{TimePoint(1'700'000'000s), MonoTime(1000s)};

template <typename Key>
std::string_view octets(const Key& key) {
  return {reinterpret_cast<const char*>(&key), sizeof key};
}

struct ByOctets {
  template <typename Key>
  bool operator()(const Key& left, const Key& right) const {
    return octets(left) < octets(right);
  }
};

struct FakeMaps {
  std::map<ctflow_nf_key, ctflow_nf_entry, ByOctets> connections;
  std::map<ctflow_nf_ended_key, ctflow_nf_entry, ByOctets> ended;
  ctflow_nf_totals totals{};
  int sweeps = 0;
  std::function<void()> before_take;  ///< what the kernel does just then

  /// A connection that begins while its predecessor's end is not read, as the kernel does it.
  void begin(const ctflow_nf_key& key, ctflow_nf_entry entry) {
    const auto before = connections.find(key);
    if (before != connections.end()) {
      entry.generation = before->second.generation + 1;
      ended[{key, before->second.generation, 0}] = before->second;
      ++totals.replaced;
    }
    connections[key] = entry;
  }
};

class FakeEntries final : public MeasuredEntries {
 public:
  explicit FakeEntries(FakeMaps& maps) : maps_(maps) {}

  bool find(const ctflow_nf_key& key, ctflow_nf_entry& entry) override {
    const auto found = maps_.connections.find(key);
    if (found == maps_.connections.end()) return false;
    entry = found->second;
    return true;
  }
  bool take(const ctflow_nf_key& key, ctflow_nf_entry& entry) override {
    if (maps_.before_take) std::exchange(maps_.before_take, {})();
    const bool found = find(key, entry);
    maps_.connections.erase(key);
    return found;
  }
  void put_back(const ctflow_nf_key& key, const ctflow_nf_entry& entry) override {
    maps_.connections.emplace(key, entry);
  }
  bool find_ended(const ctflow_nf_ended_key& key, ctflow_nf_entry& entry) override {
    const auto found = maps_.ended.find(key);
    if (found == maps_.ended.end()) return false;
    entry = found->second;
    return true;
  }
  bool remove_ended(const ctflow_nf_ended_key& key) override { return maps_.ended.erase(key) > 0; }
  std::future<void> sweep() override {
    ++maps_.sweeps;
    return {};
  }
  [[nodiscard]] ctflow_nf_totals totals() const override { return maps_.totals; }

 private:
  FakeMaps& maps_;
};

ctflow_nf_key a_key() {
  ctflow_nf_key key{};
  key.family = 2;
  key.protocol = 17;
  return key;
}

/// Born `age` ago, with so many packets of 100 octets each.
ctflow_nf_entry an_entry(std::chrono::nanoseconds age, std::uint64_t packets) {
  ctflow_nf_entry entry{};
  const auto born = (kNow.steady - age).time_since_epoch();
  entry.born = static_cast<std::uint64_t>(std::chrono::nanoseconds(born).count());
  ctflow_direction& original = entry.measured.direction[0];
  original.packets = packets;
  original.octets = packets * 100;
  original.first = original.last = entry.born;
  original.iif = 3;
  original.oif = 4;
  original.has_iif = original.has_oif = 1;
  return entry;
}

class FromNetfilterTest : public testing::Test {
 protected:
  /// A flow whose connection was confirmed `age` ago; without: no timestamp.
  Flow flow(std::optional<std::chrono::nanoseconds> age, std::uint64_t packets = 1) {
    Flow made;
    made.original.protocol = 17;
    made.original.family = AddressFamily::kIpv4;
    made.original_counters = {packets, packets * 100};
    made.present.counters = true;
    made.present.start = age.has_value();
    if (age) made.start = kNow.wall - *age;
    return made;
  }

  std::uint64_t wire_packets(Flow one) {
    source_.add(one);
    return one.extras.original.has_wire ? one.extras.original.wire.packets : 0;
  }

  FakeMaps maps_;
  MonoTime now_ = kNow.steady;
  std::chrono::nanoseconds set_by_{};  ///< of the wall clock
  FromNetfilter source_{true, std::make_unique<FakeEntries>(maps_), [this] {
                          return Instant{kNow.wall + set_by_ + (now_ - kNow.steady), now_};
                        }};
};

TEST_F(FromNetfilterTest, AddsWhatWasMeasuredAndForgetsAnEndedConnection) {
  maps_.begin(a_key(), an_entry(5s, 7));
  Flow ended = flow(5s - 1us);
  source_.add(ended);
  EXPECT_TRUE(ended.extras.present);
  EXPECT_TRUE(ended.extras.by_present_clock);
  EXPECT_EQ(ended.extras.original.first, kNow.wall - 5s);
  EXPECT_EQ(ended.extras.original.wire, (Counters{7, 700}));
  EXPECT_EQ(ended.extras.original.interfaces, (Interfaces{3, 4}));
  EXPECT_TRUE(maps_.connections.empty());
}

TEST_F(FromNetfilterTest, KeepsAConnectionThatExists) {
  maps_.begin(a_key(), an_entry(5s, 7));
  Flow living = flow(4s);
  living.event = FlowEvent::kReported;
  EXPECT_EQ(wire_packets(living), 7U);
  EXPECT_EQ(wire_packets(living), 7U);
}

TEST_F(FromNetfilterTest, LeavesAConnectionAloneThatHasJustBegun) {
  maps_.begin(a_key(), an_entry(5s, 7));
  Flow created = flow(4s);
  created.event = FlowEvent::kCreated;
  source_.add(created);
  EXPECT_FALSE(created.extras.present);
  EXPECT_EQ(maps_.connections.size(), 1U);
}

TEST_F(FromNetfilterTest, AddsNothingToWhatBeganBefore) {
  Flow ended = flow(5s);
  source_.add(ended);
  EXPECT_FALSE(ended.extras.present);
}

TEST_F(FromNetfilterTest, TellsPredecessorsApartByTheirStart) {
  maps_.begin(a_key(), an_entry(30us, 1));
  maps_.begin(a_key(), an_entry(20us, 2));
  maps_.begin(a_key(), an_entry(10us, 3));
  EXPECT_EQ(wire_packets(flow(16us)), 2U) << "the end of the first one was lost";
  EXPECT_EQ(wire_packets(flow(6us)), 3U);
  EXPECT_TRUE(maps_.connections.empty());
  EXPECT_EQ(maps_.ended.size(), 1U) << "left to a sweep";
}

TEST_F(FromNetfilterTest, TakesPredecessorsInTurnWithoutStamps) {
  maps_.begin(a_key(), an_entry(30us, 1));
  maps_.begin(a_key(), an_entry(20us, 2));
  maps_.begin(a_key(), an_entry(10us, 3));
  EXPECT_EQ(wire_packets(flow({}, 1)), 1U);
  EXPECT_EQ(wire_packets(flow({}, 2)), 2U);
  EXPECT_EQ(wire_packets(flow({}, 3)), 3U);
  EXPECT_TRUE(maps_.connections.empty());
  EXPECT_TRUE(maps_.ended.empty());
}

TEST_F(FromNetfilterTest, DoesNotTakeASuccessorThatBeginsJustThen) {
  maps_.begin(a_key(), an_entry(30us, 1));
  maps_.begin(a_key(), an_entry(20us, 4));
  EXPECT_EQ(wire_packets(flow(26us)), 1U);
  maps_.begin(a_key(), an_entry(18us, 6));
  maps_.before_take = [this] { maps_.begin(a_key(), an_entry(10us, 2)); };
  EXPECT_EQ(wire_packets(flow(17us)), 6U);
  EXPECT_EQ(wire_packets(flow(19us)), 4U);
  EXPECT_TRUE(maps_.ended.empty());
  Flow successor = flow(6us, 3);
  source_.add(successor);
  EXPECT_TRUE(successor.extras.original.has_interfaces);
  EXPECT_FALSE(successor.extras.original.has_wire) << "packets may have been missed";
}

TEST_F(FromNetfilterTest, GivesAScanTheOneThatExists) {
  maps_.begin(a_key(), an_entry(30us, 1));
  maps_.begin(a_key(), an_entry(20us, 2));
  Flow living = flow({}, 2);
  living.event = FlowEvent::kReported;
  EXPECT_EQ(wire_packets(living), 2U);
  Flow before = flow(25us);
  before.event = FlowEvent::kReported;
  EXPECT_EQ(wire_packets(before), 1U) << "written before its successor began";
}

TEST_F(FromNetfilterTest, DoesNotGiveAnUnmeasuredConnectionThoseOfItsSuccessor) {
  maps_.begin(a_key(), an_entry(10us, 3));
  Flow before = flow(50us, 100);
  source_.add(before);
  EXPECT_FALSE(before.extras.present);
  Flow successor = flow(5us, 4);
  source_.add(successor);
  EXPECT_TRUE(successor.extras.original.has_interfaces);
  EXPECT_FALSE(successor.extras.original.has_wire) << "packets may have been missed";
  EXPECT_FALSE(successor.extras.original.has_times);
}

TEST_F(FromNetfilterTest, DoesNotBelieveCountersThatConntrackExceeds) {
  maps_.begin(a_key(), an_entry(10us, 3));
  Flow before = flow({}, 100);
  source_.add(before);
  EXPECT_FALSE(before.extras.present);
}

TEST_F(FromNetfilterTest, ContinuesTheCountersOfAnOffloadedConnectionByConntracks) {
  ctflow_nf_entry entry = an_entry(5s, 7);
  entry.offloaded = entry.counted = 1;
  entry.counted_packets[0] = 3;
  entry.counted_octets[0] = 350;
  maps_.begin(a_key(), entry);
  Flow ended = flow(4s, 10);
  source_.add(ended);
  EXPECT_EQ(ended.extras.original.wire, (Counters{7 + 10 - 3, 700 + 1000 - 350}));
  EXPECT_FALSE(ended.extras.original.has_times);
  EXPECT_TRUE(ended.extras.original.has_interfaces);
}

TEST_F(FromNetfilterTest, SaysWhatIsLeftWhenConntracksCountersAreSetToZero) {
  ctflow_nf_entry entry = an_entry(5s, 7);
  entry.offloaded = entry.counted = 1;
  entry.counted_packets[0] = 3;
  entry.counted_octets[0] = 350;
  maps_.begin(a_key(), entry);
  Flow living = flow(4s, 2);  // fewer than at the offload
  living.event = FlowEvent::kReported;
  source_.add(living);
  EXPECT_TRUE(living.extras.original.continued);
  EXPECT_EQ(living.extras.original.beside, (Counters{4, 350}));
  EXPECT_EQ(living.extras.original.wire, (Counters{4 + 2, 350 + 200}));
}

// A scan comes between the packet that has it offloaded and the end of that packet's way.
TEST_F(FromNetfilterTest, CountsAnOffloadedConnectionByOneWayUntilAPacketSaysThatItIs) {
  maps_.begin(a_key(), an_entry(5s, 70));  // conntrack has counted what GRO made of them
  ReportedConnections reported(10, MonoTime(900s));
  std::uint64_t packets = 0;
  const auto scan = [&](std::uint64_t conntrack, std::uint32_t status, Instant when) {
    Flow one = flow(4s, conntrack);
    one.event = FlowEvent::kReported;
    one.status = status;
    source_.add(one);
    const ConnectionIdentity identity(one);
    one.event_time = one.end = when.wall;
    apply_wire_counters(one);
    if (reported.report(identity, one, when) == ReportedConnections::Outcome::kNews) {
      packets += one.original_counters.packets;
    }
  };
  scan(10, 0, {kNow.wall, kNow.steady});
  EXPECT_EQ(packets, 70U);
  scan(10, status::kOffloaded, {kNow.wall + 1s, kNow.steady + 1s});
  ctflow_nf_entry& entry = maps_.connections.begin()->second;
  entry.offloaded = entry.counted = 1;
  entry.counted_packets[0] = 10;
  entry.counted_octets[0] = 1000;
  scan(15, status::kOffloaded, {kNow.wall + 2s, kNow.steady + 2s});
  EXPECT_EQ(packets, 70U + 5);
}

TEST_F(FromNetfilterTest, LeavesTheEntryToTheOtherConnectionOfTheSameTuple) {
  maps_.begin(a_key(), an_entry(5s, 7));
  Flow clash = flow(5s - 1us, 1);
  clash.status = status::kNatClash;
  source_.add(clash);
  EXPECT_FALSE(clash.extras.present);
  EXPECT_EQ(wire_packets(flow(5s - 2us, 7)), 7U);
}

TEST_F(FromNetfilterTest, NeverCountsLessThanNothing) {
  ctflow_nf_entry entry = an_entry(5s, 7);
  entry.offloaded = entry.counted = 1;
  entry.counted_packets[0] = 9;  // two of them took the fast path before that was noticed
  entry.counted_octets[0] = 900;
  maps_.begin(a_key(), entry);
  Flow living = flow(4s, 0);
  living.event = FlowEvent::kReported;
  source_.add(living);
  EXPECT_EQ(living.extras.original.wire, Counters{});
}

TEST_F(FromNetfilterTest, TellsThatNotAllIsExactOnceAFlowtableTookOver) {
  EXPECT_EQ(source_.refresh(),
            (Capabilities{MeasurementOrigin::kNetfilter, true, true, true, true, false}));
  maps_.totals.offloaded = 1;
  EXPECT_FALSE(source_.refresh().counters);
  EXPECT_FALSE(source_.capabilities().times);
  EXPECT_TRUE(source_.capabilities().interfaces);
}

TEST_F(FromNetfilterTest, CountsConnectionsWithoutRoom) {
  EXPECT_EQ(source_.unmeasured(), 0U);
  maps_.totals.unmeasured = 4;
  EXPECT_EQ(source_.unmeasured(), 4U);
  log::configure(LogLevel::kInfo);
  const auto said = [&] {
    testing::internal::CaptureStderr();
    source_.refresh();
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(said(), testing::HasSubstr(" warning connections_unmeasured connections=4 "));
  EXPECT_EQ(said(), "") << "told already";
}

TEST_F(FromNetfilterTest, CountsConnectionsThatHadToGiveWayToTooManySuccessors) {
  constexpr int kBeyond = 3;
  constexpr int kAll = CTFLOW_NF_GENERATIONS + 1 + kBeyond;
  for (int i = 0; i < kAll; ++i) maps_.begin(a_key(), an_entry((kAll - i) * 10us, 7));
  int measured = 0;
  for (int i = 0; i < kAll; ++i) measured += wire_packets(flow((kAll - i) * 10us - 4us, 7)) == 7;
  EXPECT_EQ(measured, kAll - kBeyond);
  EXPECT_EQ(source_.unmeasured(), std::uint64_t{kBeyond});
}

TEST_F(FromNetfilterTest, LeavesOutTheCountersOfTheWireIfAsked) {
  FromNetfilter source(false, std::make_unique<FakeEntries>(maps_), [] { return kNow; });
  EXPECT_FALSE(source.capabilities().counters);
  maps_.begin(a_key(), an_entry(5s, 7));
  Flow ended = flow(4s);
  source.add(ended);
  EXPECT_FALSE(ended.extras.original.has_wire);
  EXPECT_TRUE(ended.extras.original.has_times);
}

// The kernel's stamps of living connections stay as they are when the clock is set.
TEST_F(FromNetfilterTest, KnowsALivingConnectionWhenTheClockWasSet) {
  for (const std::chrono::nanoseconds step :
       {std::chrono::nanoseconds(1h), std::chrono::nanoseconds(-3h), std::chrono::nanoseconds(40ms),
        std::chrono::nanoseconds(-40ms)}) {
    FakeMaps maps;
    std::chrono::nanoseconds set{};
    std::chrono::nanoseconds passed{};
    FromNetfilter source(true, std::make_unique<FakeEntries>(maps), [&] {
      return Instant{kNow.wall + set + passed, kNow.steady + passed};
    });
    const auto packets = [&](Flow one) {
      source.add(one);
      return one.extras.original.has_wire ? one.extras.original.wire.packets : 0;
    };
    maps.begin(a_key(), an_entry(5s, 7));
    Flow one = flow(5s - 1us);
    one.event = FlowEvent::kReported;
    EXPECT_EQ(packets(one), 7U);
    set = step;
    passed = 1s;
    EXPECT_EQ(packets(one), 7U) << step.count();
    one.event = FlowEvent::kEnded;
    EXPECT_EQ(packets(one), 7U) << step.count();
    EXPECT_TRUE(maps.connections.empty());
    maps.begin(a_key(), an_entry(-2s, 9));  // begun since
    passed = 3s;
    Flow next = flow(-2s - 1us);
    next.start += step;
    EXPECT_EQ(packets(next), 9U) << step.count();
  }
}

TEST_F(FromNetfilterTest, StillTellsASuccessorApartWhenTheClockWasSet) {
  set_by_ = 1h;
  Flow other = flow(1s);
  source_.add(other);
  maps_.begin(a_key(), an_entry(-10us, 3));
  now_ += 20us;
  Flow before = flow(50us, 100);  // stamped before the clock was set
  source_.add(before);
  EXPECT_FALSE(before.extras.present);
}

TEST_F(FromNetfilterTest, RemembersThatTheClockWasSetHoweverOftenItIsRead) {
  std::mt19937 random(1);
  std::chrono::nanoseconds early{};  // as where the two clocks are not read at once
  std::chrono::nanoseconds stopped{};
  FromNetfilter source(true, std::make_unique<FakeEntries>(maps_), [&] {
    return Instant{kNow.wall + set_by_ + (now_ - kNow.steady) - early - std::exchange(stopped, {}),
                   now_};
  });
  maps_.begin(a_key(), an_entry(5s, 7));
  set_by_ = 1h;
  Flow one = flow(5s - 1us);
  one.event = FlowEvent::kReported;
  for (int i = 0; i < 100'000; ++i) {
    now_ += 10us;
    early = std::chrono::nanoseconds(50'000 - i / 2);  // later than ever, each time
    if (random() % 8 == 0) stopped = std::chrono::milliseconds(random() % 300);
    Flow again = one;
    source.add(again);
    ASSERT_TRUE(again.extras.original.has_wire) << i;
  }
}

TEST_F(FromNetfilterTest, SweepsNowAndThen) {
  source_.refresh();
  source_.refresh();
  EXPECT_EQ(maps_.sweeps, 1);
  now_ += 11s;
  source_.refresh();
  EXPECT_EQ(maps_.sweeps, 2);
}

}  // namespace
}  // namespace ctflow
