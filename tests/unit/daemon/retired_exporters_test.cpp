// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/retired_exporters.hpp"

#include <gtest/gtest.h>

#include "encode/ipfix.hpp"
#include "support/fakes.hpp"
#include "support/stream_collector.hpp"

namespace ctflow {
namespace {

class RetiredExportersTest : public testing::Test {
 protected:
  std::unique_ptr<Exporter> make() {
    CollectorConfig config;
    config.name = "test";
    auto exporter =
        std::make_unique<Exporter>(config, std::make_unique<IpfixEncoder>(EncoderOptions{}),
                                   std::make_unique<test::FakeTransport>(wire_));
    Flow flow;
    flow.original.family = flow.reply.family = AddressFamily::kIpv4;
    flow.forward = {1, 40};
    flow.present.counters = true;
    exporter->add(flow);
    return exporter;
  }

  boost::asio::io_context io_;
  test::FakeWire wire_;
  RetiredExporters retired_{io_};
};

TEST_F(RetiredExportersTest, EndsAtOnceWhatHasNothingToSend) {
  retired_.add(make());
  EXPECT_TRUE(wire_.stopped);
  EXPECT_FALSE(wire_.messages.empty()) << "the open message was sent";
  EXPECT_FALSE(retired_.busy());
}

TEST_F(RetiredExportersTest, WaitsForWhatIsUnderWay) {
  wire_.busy = true;
  retired_.add(make());
  EXPECT_TRUE(retired_.busy());
  EXPECT_FALSE(test::run_until(
      io_, [&] { return wire_.stopped; }, std::chrono::milliseconds(100)));
  wire_.busy = false;
  EXPECT_TRUE(test::run_until(io_, [&] { return wire_.stopped; }));
}

TEST_F(RetiredExportersTest, DoesNotWaitForEver) {
  wire_.busy = true;
  retired_.add(make());
  EXPECT_TRUE(test::run_until(io_, [&] { return wire_.stopped; }));
}

TEST_F(RetiredExportersTest, EndsAllWhenTheDaemonStops) {
  wire_.busy = true;
  retired_.add(make());
  retired_.finish();
  EXPECT_TRUE(wire_.stopped);
  EXPECT_FALSE(retired_.busy());
}

}  // namespace
}  // namespace ctflow
