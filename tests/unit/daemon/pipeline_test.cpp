// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/pipeline.hpp"

#include <gtest/gtest.h>

#include "encode/ipfix.hpp"
#include "enrich/constant_interfaces.hpp"
#include "export/profile.hpp"
#include "support/fakes.hpp"

namespace ctflow {
namespace {

Flow counted_flow() {
  Flow flow;
  flow.original.family = flow.reply.family = AddressFamily::kIpv4;
  flow.forward = {1, 40};
  flow.present.counters = true;
  return flow;
}

class PipelineTest : public testing::Test {
 protected:
  std::unique_ptr<Exporter> exporter(test::FakeWire& wire, Profile profile = Profile::kDefault) {
    CollectorConfig config;
    config.sampling_options = config.statistics_options = false;
    config.profile = profile;
    EncoderOptions options;
    options.layout = row_of(profile).layout;
    return std::make_unique<Exporter>(config, std::make_unique<IpfixEncoder>(options),
                                      std::make_unique<test::FakeTransport>(wire), clock_.clock());
  }

  /// A collector of flows and one of NAT events.
  Pipeline make_both() {
    std::vector<std::unique_ptr<Exporter>> exporters;
    exporters.push_back(exporter(first_));
    exporters.push_back(exporter(second_, Profile::kNatEvents));
    return {{}, std::move(exporters)};
  }

  Pipeline make() {
    std::vector<std::unique_ptr<Enricher>> enrichers;
    enrichers.push_back(std::make_unique<ConstantInterfaces>(InterfacesConfig{4, 5}));
    std::vector<std::unique_ptr<Exporter>> exporters;
    exporters.push_back(exporter(first_));
    exporters.push_back(exporter(second_));
    return {std::move(enrichers), std::move(exporters)};
  }

  test::FakeClock clock_;
  test::FakeWire first_;
  test::FakeWire second_;
};

TEST_F(PipelineTest, EnrichesAndGivesEveryFlowToEveryCollector) {
  Pipeline pipeline = make();
  Flow flow = counted_flow();
  pipeline.handle(flow);
  pipeline.flush();
  EXPECT_EQ(flow.forward_interfaces, (Interfaces{4, 5}));
  EXPECT_EQ(first_.messages.size(), 1U);
  EXPECT_EQ(second_.messages.size(), 1U);
  EXPECT_EQ(pipeline.counters().exported, 1U);
}

TEST_F(PipelineTest, CountsConnectionsWithoutCountersInsteadOfExportingZeros) {
  Pipeline pipeline = make();
  Flow flow = counted_flow();
  flow.present.counters = false;
  pipeline.handle(flow);
  pipeline.flush();
  EXPECT_TRUE(first_.messages.empty());
  EXPECT_EQ(pipeline.counters().exported, 0U);
  EXPECT_EQ(pipeline.counters().lost_no_counters, 1U);
}

TEST_F(PipelineTest, GivesEachCollectorWhatItsProfileHasRecordsOf) {
  Pipeline pipeline = make_both();
  const struct {
    FlowEvent event;
    bool nat, counted;
    unsigned flows, events;  // records that each must get
  } cases[] = {
      {FlowEvent::kCreated, true, false, 0, 1},    {FlowEvent::kCreated, false, false, 0, 0},
      {FlowEvent::kReported, true, true, 1, 0},    {FlowEvent::kEnded, true, true, 1, 1},
      {FlowEvent::kEnded, false, true, 1, 0},      {FlowEvent::kEnded, true, false, 0, 1},
      {FlowEvent::kEndedBefore, true, true, 0, 1},
  };
  ExporterCounters before[2];
  for (const auto& [event, nat, counted, flows, events] : cases) {
    Flow flow = counted_flow();
    flow.event = event;
    flow.present.counters = counted;
    if (nat) flow.status = status::kSourceNat;
    pipeline.handle(flow);
    pipeline.flush();
    const ExporterCounters& first = pipeline.exporters()[0]->counters();
    const ExporterCounters& second = pipeline.exporters()[1]->counters();
    EXPECT_EQ(first.flows - before[0].flows, flows) << static_cast<int>(event) << nat << counted;
    EXPECT_EQ(second.flows - before[1].flows, events) << static_cast<int>(event) << nat << counted;
    EXPECT_EQ(first.offered, first.flows);
    EXPECT_EQ(second.offered, second.flows);
    before[0] = first;
    before[1] = second;
  }
  EXPECT_EQ(pipeline.counters().exported, 3U);
  EXPECT_EQ(pipeline.counters().sessions, 3U);
  EXPECT_EQ(pipeline.counters().lost_no_counters, 1U);
  EXPECT_EQ(before[0].offered, pipeline.counters().exported);
}

TEST_F(PipelineTest, OneFailingCollectorDoesNotTouchTheOther) {
  Pipeline pipeline = make();
  first_.answer = std::make_error_code(std::errc::network_unreachable);
  Flow flow = counted_flow();
  pipeline.handle(flow);
  pipeline.flush();
  EXPECT_EQ(pipeline.exporters()[0]->counters().lost(), 1U);
  EXPECT_EQ(pipeline.exporters()[1]->counters().flows, 1U);
}

TEST_F(PipelineTest, DeadlineIsTheEarliestOfTheExporters) {
  Pipeline pipeline = make();
  pipeline.tick();
  EXPECT_EQ(pipeline.deadline(), clock_.now().steady + std::chrono::seconds(60));
  Flow flow = counted_flow();
  pipeline.handle(flow);
  EXPECT_EQ(pipeline.deadline(), clock_.now().steady + std::chrono::seconds(1));
}

}  // namespace
}  // namespace ctflow
