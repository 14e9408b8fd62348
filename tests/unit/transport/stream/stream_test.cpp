// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <numeric>
#include <set>

#include "support/stream_collector.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using test::StreamCollector;
using testing::ElementsAre;

constexpr int kFirst = 0xf0;  ///< tag of the message with the templates

class StreamTransportTest : public testing::Test {
 protected:
  StreamTransportTest() {
    config_.name = "test";
    config_.address = "127.0.0.1";
    config_.transport = TransportKind::kTcp;
  }

  /// Reconnects half a second after the first failure.
  std::unique_ptr<StreamTransport> make(std::uint16_t port, std::uint8_t templates = kFirst) {
    config_.port = port;
    auto transport = std::make_unique<StreamTransport>(
        io_, config_, [this] { return make_tcp_connection(io_); }, *ledger_,
        Backoff([] { return 0.0; }));
    transport->begin_with(test::sample_origin(templates)->first_messages);
    return transport;
  }

  void send(StreamTransport& transport, int tag, std::size_t size = 100) {
    const CountedMessage message =
        test::counted_message(sequence_++, 1, static_cast<std::uint8_t>(tag), size);
    ++offered_;
    transport.send(message.bytes, message.content);
    check_ledger();
  }

  bool run_until(const std::function<bool()>& condition) {
    return test::run_until(io_, [&] {
      check_ledger();
      return condition();
    });
  }

  bool run_until_sent(std::uint64_t flows) {
    return run_until([&] { return counters().flows == flows; });
  }

  void check_ledger() const {
    EXPECT_EQ(offered_ + counters().recovered.flows,
              counters().flows + counters().waiting.flows + counters().lost());
  }

  [[nodiscard]] const ExporterCounters& counters() const { return ledger_->counters(); }

  boost::asio::io_context io_;
  CollectorConfig config_;
  std::optional<ExportLedger> ledger_{std::in_place};
  std::uint32_t sequence_ = 1;  ///< the options of the first message have taken 0
  std::uint64_t offered_ = 0;
};

TEST_F(StreamTransportTest, BeginsWithTheTemplatesAndCountsFromZero) {
  StreamCollector collector(io_);
  const auto transport = make(collector.port());
  send(*transport, 1);
  send(*transport, 2);
  EXPECT_EQ(counters().flows, 0U) << "nothing is sent before there is a connection";
  ASSERT_TRUE(run_until_sent(2));
  EXPECT_TRUE(transport->connected());
  ASSERT_TRUE(run_until([&] { return collector.received(0).messages().size() == 3; }));
  EXPECT_THAT(collector.received(0).tags(), ElementsAre(kFirst, 1, 2));
  EXPECT_THAT(collector.received(0).sequences(), ElementsAre(0, 1, 2));
  EXPECT_EQ(counters().messages, 3U);
  EXPECT_EQ(counters().templates, 3U);
  EXPECT_EQ(counters().transport_sessions, 1U);
}

TEST_F(StreamTransportTest, TellsNewsOncePerSession) {
  StreamCollector collector(io_);
  const auto transport = make(collector.port());
  EXPECT_TRUE(transport->prepare());
  EXPECT_FALSE(transport->prepare());
  ASSERT_TRUE(run_until([&] { return counters().transport_sessions == 1; }));
  EXPECT_TRUE(transport->prepare());
  EXPECT_FALSE(transport->prepare());
}

TEST_F(StreamTransportTest, NoticesTheEndOfTheConnectionWithoutSending) {
  StreamCollector collector(io_);
  const auto transport = make(collector.port());
  ASSERT_TRUE(run_until(
      [&] { return counters().transport_sessions == 1 && collector.connections() == 1; }));
  collector.close(false);
  ASSERT_TRUE(run_until([&] { return !transport->connected(); }));
  ASSERT_TRUE(run_until([&] { return collector.connections() == 2; })) << "it comes back";
}

TEST_F(StreamTransportTest, BeginsTheNextConnectionLikeTheFirst) {
  StreamCollector collector(io_);
  const auto transport = make(collector.port());
  send(*transport, 1);
  ASSERT_TRUE(run_until_sent(1));
  ASSERT_TRUE(run_until([&] { return collector.received(0).messages().size() == 2; }));
  collector.close(false);
  ASSERT_TRUE(run_until([&] { return !transport->connected(); }));
  send(*transport, 2);
  send(*transport, 3);
  EXPECT_EQ(counters().waiting.flows, 2U);
  ASSERT_TRUE(run_until_sent(3));
  ASSERT_TRUE(run_until([&] { return collector.received(1).messages().size() == 3; }));
  EXPECT_THAT(collector.received(1).tags(), ElementsAre(kFirst, 2, 3));
  EXPECT_THAT(collector.received(1).sequences(), ElementsAre(0, 1, 2)) << "a new session";
  EXPECT_EQ(counters().transport_sessions, 2U);
}

TEST_F(StreamTransportTest, WaitsForACollectorThatDoesNotListenYet) {
  std::uint16_t port = 0;
  {
    StreamCollector gone(io_);
    port = gone.port();
  }
  const auto transport = make(port);
  send(*transport, 1);
  EXPECT_TRUE(transport->connected()) << "nothing is known yet";
  ASSERT_TRUE(run_until([&] { return transport->refusals() == 1; }));
  EXPECT_FALSE(transport->connected());
  EXPECT_FALSE(transport->busy()) << "nothing will leave within a moment";
  StreamCollector collector(io_, port);
  ASSERT_TRUE(run_until_sent(1));
  EXPECT_EQ(counters().lost(), 0U);
}

TEST_F(StreamTransportTest, CountsAsSentOnlyWhatTheCollectorsHostHas) {
  StreamCollector collector(io_, 0, 4096);
  collector.set_reading(false);
  config_.spool.memory = std::size_t{16} << 20;
  const auto transport = make(collector.port());
  constexpr int kMessages = 3000;  // more than the collector's host takes
  for (int i = 0; i < kMessages; ++i) send(*transport, 1, 1400);
  ASSERT_TRUE(run_until([&] { return counters().flows > 0; }));
  test::run_until(
      io_, [] { return false; }, std::chrono::milliseconds(300));
  EXPECT_LT(counters().flows, 1000U);
  EXPECT_EQ(counters().waiting.flows, kMessages - counters().flows);
  collector.set_reading(true);
  ASSERT_TRUE(run_until_sent(kMessages));
  ASSERT_TRUE(run_until([&] { return collector.received(0).messages().size() == kMessages + 1; }));
  EXPECT_EQ(counters().resent.messages, 0U);
}

TEST_F(StreamTransportTest, SendsAgainWholeWhatABrokenConnectionLeftUnacknowledged) {
  auto collector = std::make_unique<StreamCollector>(io_, 0, 4096);
  const std::uint16_t port = collector->port();
  collector->set_reading(false);
  config_.spool.memory = std::size_t{16} << 20;
  const auto transport = make(port);
  constexpr int kMessages = 1000;
  for (int i = 0; i < kMessages; ++i) send(*transport, i % 200, 1400);
  ASSERT_TRUE(run_until([&] { return counters().flows > 0; }));
  test::run_until(
      io_, [] { return false; }, std::chrono::milliseconds(200));
  collector->close(true);
  collector.reset();
  ASSERT_TRUE(run_until([&] { return !transport->connected(); }));
  // What the host acknowledged and the collector never read: nobody can know.
  const std::uint64_t unread = counters().flows;
  StreamCollector back(io_, port);
  ASSERT_TRUE(run_until_sent(kMessages));
  ASSERT_TRUE(
      run_until([&] { return back.received(0).messages().size() == kMessages - unread + 1; }));
  EXPECT_EQ(back.received(0).octets.size(), 60 + (kMessages - unread) * 1400) << "whole messages";
  std::vector<int> expected{kFirst};
  for (int i = static_cast<int>(unread); i < kMessages; ++i) expected.push_back(i % 200);
  EXPECT_EQ(back.received(0).tags(), expected);
  EXPECT_GT(counters().resent.messages, 0U);
}

TEST_F(StreamTransportTest, ShowsMessagesLostFromTheSpoolWithinASessionAsAGap) {
  StreamCollector collector(io_, 0, 4096);
  collector.set_reading(false);
  config_.spool.memory = 600'000;
  const auto transport = make(collector.port());
  ASSERT_TRUE(run_until([&] { return counters().transport_sessions == 1; }));
  constexpr int kMessages = 2000;
  for (int i = 0; i < kMessages; ++i) {
    send(*transport, 1, 1400);
    io_.poll();
  }
  EXPECT_GT(counters().lost_spool_full.flows, 0U);
  collector.set_reading(true);
  ASSERT_TRUE(run_until([&] { return counters().waiting.flows == 0; }));
  ASSERT_TRUE(
      run_until([&] { return collector.received(0).messages().size() == counters().flows + 1; }));
  EXPECT_EQ(collector.received(0).sequences().back(), static_cast<unsigned>(kMessages));
}

TEST_F(StreamTransportTest, ReplaysTheDiskBeforeWhatIsNewAndInItsOwnSession) {
  test::TemporaryDirectory directory;
  config_.spool.directory = directory.name();
  std::uint16_t port = 0;
  {
    StreamCollector gone(io_);
    port = gone.port();
  }
  {
    const auto before = make(port, 0xe0);  // another configuration: other templates
    send(*before, 1);
    send(*before, 2);
    before->stop();
    EXPECT_EQ(counters().waiting.flows, 2U);
  }
  ledger_.emplace();
  offered_ = 0;
  StreamCollector collector(io_, port);
  const auto transport = make(port);
  send(*transport, 3);
  ASSERT_TRUE(run_until_sent(3));
  ASSERT_TRUE(run_until([&] {
    return collector.connections() == 2 && collector.received(1).messages().size() == 2;
  }));
  EXPECT_THAT(collector.received(0).tags(), ElementsAre(0xe0, 1, 2));
  EXPECT_THAT(collector.received(0).sequences(), ElementsAre(0, 1, 2));
  EXPECT_TRUE(collector.received(0).ended);
  EXPECT_THAT(collector.received(1).tags(), ElementsAre(kFirst, 3));
  EXPECT_EQ(counters().recovered.flows, 2U);
  EXPECT_TRUE(directory.files(".spool").empty());
}

TEST_F(StreamTransportTest, ReplaysInTheSameSessionWhatHasTheSameTemplates) {
  test::TemporaryDirectory directory;
  config_.spool.directory = directory.name();
  {
    const auto before = make(9);
    send(*before, 1);
    before->stop();
  }
  ledger_.emplace();
  offered_ = 0;
  sequence_ = 1;
  StreamCollector collector(io_);
  const auto transport = make(collector.port());
  send(*transport, 2);
  ASSERT_TRUE(run_until_sent(2));
  ASSERT_TRUE(run_until([&] { return collector.received(0).messages().size() == 3; }));
  EXPECT_THAT(collector.received(0).tags(), ElementsAre(kFirst, 1, 2));
  EXPECT_THAT(collector.received(0).sequences(), ElementsAre(0, 1, 2));
}

TEST_F(StreamTransportTest, LimitsTheRateOfWhatWaited) {
  config_.spool.rate = 200'000;
  StreamCollector collector(io_);
  const auto transport = make(collector.port());
  for (int i = 0; i < 100; ++i) send(*transport, 1, 1000);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(run_until_sent(100));
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, std::chrono::milliseconds(350)) << "100 kB at 200 kB a second, 20 kB at once";
  // It has to see that nothing waits any more: what comes before that goes behind what waited.
  io_.restart();
  io_.run_for(std::chrono::milliseconds(50));
  const auto later = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) send(*transport, 1, 1000);
  ASSERT_TRUE(run_until_sent(200));
  EXPECT_LT(std::chrono::steady_clock::now() - later, took) << "what is new is not limited";
}

TEST_F(StreamTransportTest, EndsTheSessionWhenItStops) {
  StreamCollector collector(io_);
  const auto transport = make(collector.port());
  send(*transport, 1);
  EXPECT_TRUE(transport->busy());
  ASSERT_TRUE(run_until([&] { return !transport->busy(); }));
  transport->stop();
  ASSERT_TRUE(run_until([&] { return collector.received(0).ended; }));
  EXPECT_THAT(collector.received(0).tags(), ElementsAre(kFirst, 1));
  check_ledger();
  EXPECT_EQ(counters().flows, 1U);
}

TEST_F(StreamTransportTest, CountsWhatNeverLeftWhenItStops) {
  const auto transport = make(9);  // nobody listens there
  send(*transport, 1);
  transport->stop();
  check_ledger();
  EXPECT_EQ(counters().lost_stopped.flows, 1U);
  EXPECT_FALSE(transport->busy());
}

TEST_F(StreamTransportTest, CountsWhatNeverLeftWhenItIsDestroyedWithoutAStop) {
  auto transport = make(9);
  send(*transport, 1);
  transport.reset();
  check_ledger();
  EXPECT_EQ(counters().lost_stopped.flows, 1U);
  EXPECT_EQ(counters().waiting.flows, 0U);
}

TEST_F(StreamTransportTest, GivesBackWhatIsUnderWayWhenItIsDestroyedWithoutAStop) {
  test::TemporaryDirectory directory;
  config_.spool.directory = directory.name();
  StreamCollector collector(io_, 0, 4096);
  collector.set_reading(false);
  auto transport = make(collector.port());
  for (int i = 0; i < 3000; ++i) send(*transport, 1, 1400);
  ASSERT_TRUE(run_until([&] { return counters().flows > 0; }));
  test::run_until(
      io_, [] { return false; }, std::chrono::milliseconds(200));
  transport.reset();
  check_ledger();
  const std::uint64_t waiting = counters().waiting.flows;
  EXPECT_EQ(waiting + counters().flows, 3000U);
  ledger_.emplace();
  offered_ = 0;
  const auto next = make(9);
  ASSERT_TRUE(run_until([&] { return counters().recovered.flows == waiting; }));
}

TEST_F(StreamTransportTest, IsDestroyedSafelyWithOperationsUnderWay) {
  StreamCollector collector(io_);
  for (int i = 0; i < 20; ++i) {
    auto transport = make(collector.port());
    send(*transport, 1);
    for (int step = 0; step < i; ++step) io_.poll_one();
    transport.reset();
    offered_ = 0;
    ledger_.emplace();
  }
  test::run_until(
      io_, [] { return false; }, std::chrono::milliseconds(50));
}

TEST_F(StreamTransportTest, SendsFromTheConfiguredAddressToALookedUpName) {
  StreamCollector collector(io_);
  config_.address = "localhost";
  config_.source_address = "127.0.0.9";
  config_.bind_device = "lo";
  config_.dscp = 10;
  const auto transport = make(collector.port());
  EXPECT_TRUE(transport->lookup_running());
  EXPECT_EQ(transport->status().peer, "localhost");
  send(*transport, 1);
  ASSERT_TRUE(run_until_sent(1));
  EXPECT_FALSE(transport->lookup_running());
  EXPECT_EQ(collector.received(0).peer.address().to_string(), "127.0.0.9");
  EXPECT_EQ(transport->status().peer, "127.0.0.1:" + std::to_string(collector.port()));
}

TEST_F(StreamTransportTest, TellsWhyThereIsNoConnectionAndWhatWaits) {
  const std::uint16_t port = StreamCollector(io_).port();  // closed by now
  const auto transport = make(port);
  EXPECT_EQ(transport->status().last_failure.kind, FailureKind::kNone);
  EXPECT_EQ(transport->status().backlog->memory_limit, config_.spool.memory);
  EXPECT_FALSE(transport->status().backlog->oldest);
  const TimePoint before = system_now().wall;
  send(*transport, 1, 1000);
  ASSERT_TRUE(run_until([&] { return !transport->connected(); }));
  EXPECT_EQ(transport->status().last_failure.kind, FailureKind::kRefused);
  EXPECT_EQ(transport->status().last_failure.reason, "Connection refused");
  EXPECT_GE(transport->status().backlog->memory, 1000U);
  ASSERT_TRUE(transport->status().backlog->oldest);
  EXPECT_GE(*transport->status().backlog->oldest, before);
  StreamCollector late(io_, port);
  ASSERT_TRUE(run_until_sent(1));
  EXPECT_TRUE(transport->connected());
  EXPECT_EQ(transport->status().backlog->memory, 0U);
  EXPECT_FALSE(transport->status().backlog->oldest);
  ASSERT_TRUE(run_until([&] { return late.connections() == 1; }));
  late.close(true);
  ASSERT_TRUE(run_until([&] { return !transport->connected(); }));
  EXPECT_EQ(transport->status().last_failure.kind, FailureKind::kBroken);
}

TEST_F(StreamTransportTest, CountsWhatIsUnderWayAsWaiting) {
  StreamCollector collector(io_, 0, 2048);
  collector.set_reading(false);
  const auto transport = make(collector.port());
  ASSERT_TRUE(run_until([&] { return counters().transport_sessions == 1; }));
  const TimePoint before = system_now().wall;
  for (int i = 0; i < 200; ++i) send(*transport, 1, 60'000);
  ASSERT_TRUE(run_until([&] { return counters().flows > 0 || counters().waiting.flows > 0; }));
  ASSERT_GT(counters().waiting.flows, 0U) << "more than the kernel's buffers hold";
  EXPECT_GT(transport->status().backlog->memory, 60'000U);
  ASSERT_TRUE(transport->status().backlog->oldest);
  EXPECT_GE(*transport->status().backlog->oldest, before);
}

TEST_F(StreamTransportTest, PromisesAtTheStopOnlyWhatTheNextStartFinds) {
  test::TemporaryDirectory directory;
  config_.spool.directory = directory.name();
  StreamCollector collector(io_, 0, 4096);
  collector.set_reading(false);
  auto transport = make(collector.port());
  constexpr int kMessages = 3000;
  for (int i = 0; i < kMessages; ++i) send(*transport, 1, 1400);  // to disk: no connection yet
  ASSERT_TRUE(run_until([&] { return counters().flows > 0; }));
  test::run_until(
      io_, [] { return false; }, std::chrono::milliseconds(200));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{0, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &full);  // nothing can be written to the disk any more
  transport->stop();
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  check_ledger();
  EXPECT_GT(counters().lost_stopped.flows, 0U);
  const std::uint64_t acknowledged = counters().flows;
  const std::uint64_t waiting = counters().waiting.flows;
  EXPECT_GT(waiting, 0U);
  collector.set_reading(true);
  ASSERT_TRUE(run_until([&] { return collector.received(0).ended; }));
  EXPECT_GT(collector.received(0).tags().size(), acknowledged + 1)
      << "what is not found again the kernel delivers";
  transport.reset();
  ledger_.emplace();
  offered_ = 0;
  const auto next = make(9);
  ASSERT_TRUE(run_until([&] { return counters().recovered.flows == waiting; }));
}

}  // namespace
}  // namespace ctflow
