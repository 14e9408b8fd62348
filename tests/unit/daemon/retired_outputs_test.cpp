// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/retired_outputs.hpp"

#include <gtest/gtest.h>

#include "encode/ipfix.hpp"
#include "export/session_exporter.hpp"
#include "ledger/export_ledger.hpp"
#include "support/fakes.hpp"
#include "support/logged_lines.hpp"
#include "support/stream_collector.hpp"

namespace ctflow {
namespace {

class RetiredOutputsTest : public testing::Test {
 protected:
  std::unique_ptr<Output> make() {
    CollectorConfig config;
    config.name = "test";
    config.transport = TransportKind::kTcp;
    const auto make_transport = [this](ExportLedger&) {
      return std::make_unique<test::FakeSessions>(wire_);
    };
    auto exporter =
        std::make_unique<SessionExporter>(config, std::make_unique<IpfixEncoder>(EncoderOptions{}),
                                          make_transport, std::make_shared<OutputContext>());
    Flow flow;
    flow.original.family = flow.reply.family = AddressFamily::kIpv4;
    flow.original_counters = {1, 40};
    flow.present.counters = true;
    exporter->offer(flow, system_now());
    return exporter;
  }

  boost::asio::io_context io_;
  test::FakeWire wire_;
  RetiredOutputs retired_{io_};
};

/// A log in memory whose server is away.
class AwayOutput : public Output {
 public:
  AwayOutput() : Output("connection_log", "db", FlowKinds::reports()) {
    ledger_.lost(LossReason::kWriteError, {.flows = 5});  // before, and in the status of then
    ledger_.wait(content());
  }
  void offer(const Flow& /*flow*/, const Instant& /*now*/) override {}
  void tick() override {}
  [[nodiscard]] MonoTime deadline() const override { return MonoTime::max(); }
  void flush() override {}
  void stop() override { ledger_.lost_after_wait(LossReason::kWriteError, {1, 2, 2, 30, 4000}); }

 private:
  static MessageContent content() {
    return {.flows = 2, .data_records = 2, .packets = 30, .octets = 4000};
  }
  void describe(OutputStatus& status, const Instant& /*now*/) const override {
    status.counters = ledger_.counters();
    status.details = ConnectionLogStatus{LogDestination::kPostgresql, {}};
  }

  ExportLedger ledger_;
};

TEST_F(RetiredOutputsTest, SaysWhatIsLostWhateverTheReason) {
  const test::LoggedLines lines;
  retired_.add(std::make_unique<AwayOutput>());
  EXPECT_EQ(lines.count("reload_lost output=db flows=2 packets=30 octets=4000 "), 1U);
}

TEST_F(RetiredOutputsTest, EndsAtOnceWhatHasNothingToSend) {
  retired_.add(make());
  EXPECT_TRUE(wire_.stopped);
  EXPECT_FALSE(wire_.messages.empty()) << "the open message was sent";
  EXPECT_FALSE(retired_.busy());
}

TEST_F(RetiredOutputsTest, WaitsForWhatMayLeaveWithinAMoment) {
  wire_.busy = true;
  retired_.add(make());
  EXPECT_TRUE(retired_.busy());
  EXPECT_FALSE(test::run_until(
      io_, [&] { return wire_.stopped; }, std::chrono::milliseconds(100)));
  wire_.busy = false;
  EXPECT_TRUE(test::run_until(io_, [&] { return wire_.stopped; }));
}

TEST_F(RetiredOutputsTest, DoesNotWaitForEver) {
  wire_.busy = true;
  retired_.add(make());
  EXPECT_TRUE(test::run_until(io_, [&] { return wire_.stopped; }));
}

TEST_F(RetiredOutputsTest, EndsAllWhenTheDaemonStops) {
  wire_.busy = true;
  retired_.add(make());
  retired_.finish();
  EXPECT_TRUE(wire_.stopped);
  EXPECT_FALSE(retired_.busy());
}

}  // namespace
}  // namespace ctflow
