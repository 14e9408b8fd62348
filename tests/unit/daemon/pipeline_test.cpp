// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/pipeline.hpp"

#include <gtest/gtest.h>

#include <array>

#include "encode/ipfix.hpp"
#include "enrich/constant_interfaces.hpp"
#include "export/datagram_exporter.hpp"
#include "export/profile.hpp"
#include "filter/output_filter.hpp"
#include "support/fakes.hpp"
#include "support/logged_lines.hpp"

namespace ctflow {
namespace {

Flow counted_flow() {
  Flow flow;
  flow.original.family = flow.reply.family = AddressFamily::kIpv4;
  flow.original_counters = {1, 40};
  flow.present.counters = true;
  return flow;
}

class PipelineTest : public testing::Test {
 protected:
  std::unique_ptr<Output> exporter(test::FakeWire& wire, Profile profile = Profile::kDefault,
                                   const std::string& name = "") {
    CollectorConfig config;
    config.name = name;
    config.sampling_options = config.statistics_options = false;
    config.profile = profile;
    EncoderOptions options;
    options.layout = row_of(profile).layout;
    return std::make_unique<DatagramExporter>(config, std::make_unique<IpfixEncoder>(options),
                                              std::make_unique<test::FakeDatagrams>(wire),
                                              std::make_shared<OutputContext>(), clock_.clock());
  }

  /// A collector of flows and one of NAT events.
  Pipeline make_both() {
    Pipeline::Outputs outputs;
    outputs.push_back(exporter(first_));
    outputs.push_back(exporter(second_, Profile::kNatEvents));
    return {{}, std::move(outputs)};
  }

  Pipeline make() {
    std::vector<std::unique_ptr<Enricher>> enrichers;
    enrichers.push_back(std::make_unique<ConstantInterfaces>(InterfacesConfig{4, 5}, interfaces_));
    Pipeline::Outputs outputs;
    outputs.push_back(exporter(first_));
    outputs.push_back(exporter(second_));
    return {std::move(enrichers), std::move(outputs)};
  }

  ExporterCounters counters(const Pipeline& pipeline, std::size_t output) const {
    return pipeline.outputs()[output]->status(clock_.now()).counters;
  }

  InterfaceCounters interfaces_;
  test::FakeClock clock_;
  test::FakeWire first_;
  test::FakeWire second_;
};

TEST_F(PipelineTest, EnrichesAndGivesEveryFlowToEveryCollector) {
  Pipeline pipeline = make();
  Flow flow = counted_flow();
  pipeline.handle(flow);
  pipeline.flush();
  EXPECT_EQ(flow.original_interfaces, (Interfaces{4, 5}));
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
    const ExporterCounters first = counters(pipeline, 0);
    const ExporterCounters second = counters(pipeline, 1);
    EXPECT_EQ(first.flows - before[0].flows, flows) << static_cast<int>(event) << nat << counted;
    EXPECT_EQ(second.flows - before[1].flows, events) << static_cast<int>(event) << nat << counted;
    EXPECT_EQ(first.offered, first.flows);
    EXPECT_EQ(second.offered, second.flows);
    before[0] = first;
    before[1] = second;
  }
  EXPECT_EQ(pipeline.counters().exported, 3U);
  EXPECT_EQ(pipeline.counters().nat_events, 3U);
  EXPECT_EQ(pipeline.counters().lost_no_counters, 1U);
  EXPECT_EQ(before[0].offered, pipeline.counters().exported);
}

/// Gives the first output another filter, as a reload does.
void filter_first(Pipeline& pipeline, const std::vector<FilterRule>& rules) {
  Pipeline::Outputs outputs = pipeline.release();
  outputs[0]->set_filter(std::make_unique<OutputFilter>(rules, nullptr));
  pipeline.replace({}, std::move(outputs), {});
}

TEST_F(PipelineTest, AFilterLeavesOutOfItsOwnCollectorOnly) {
  Pipeline pipeline = make();
  FilterRule only;
  only.protocols = {6};
  filter_first(pipeline, {only});
  for (const auto protocol : std::to_array<std::uint8_t>({6, 17, 17})) {
    Flow flow = counted_flow();
    flow.original.protocol = protocol;
    flow.reply_counters = {2, 60};
    pipeline.handle(flow);
  }
  pipeline.flush();
  const ExporterCounters first = counters(pipeline, 0);
  EXPECT_EQ(first.offered, 3U);
  EXPECT_EQ(first.flows, 1U);
  EXPECT_EQ(first.filtered, 2U);
  EXPECT_EQ(first.packets + first.filtered_packets, 9U);
  EXPECT_EQ(first.octets + first.filtered_octets, 300U);
  EXPECT_EQ(first.lost(), 0U);
  const auto by_rule = pipeline.outputs()[0]->status(clock_.now()).filtered_by_rule;
  ASSERT_EQ(by_rule.size(), 1U);
  EXPECT_EQ(by_rule[0].rule, "unmatched");
  EXPECT_EQ(by_rule[0].amount.octets, first.filtered_octets);
  EXPECT_EQ(counters(pipeline, 1).flows, 3U);
  EXPECT_EQ(counters(pipeline, 1).filtered, 0U);
}

TEST_F(PipelineTest, AnotherFilterGoesOnWithTheLedger) {
  Pipeline pipeline = make();
  FilterRule udp;
  udp.action = FilterAction::kExclude;
  udp.protocols = {17};
  filter_first(pipeline, {udp});
  Flow flow = counted_flow();
  flow.original.protocol = 17;
  pipeline.handle(flow);
  filter_first(pipeline, {});
  pipeline.handle(flow);
  pipeline.flush();
  EXPECT_EQ(counters(pipeline, 0).filtered, 1U);
  EXPECT_EQ(counters(pipeline, 0).flows, 1U);
  const auto by_rule = pipeline.outputs()[0]->status(clock_.now()).filtered_by_rule;
  ASSERT_EQ(by_rule.size(), 1U);
  EXPECT_EQ(by_rule[0].rule, "earlier");
}

TEST_F(PipelineTest, OneFailingCollectorDoesNotTouchTheOther) {
  Pipeline pipeline = make();
  first_.answer = SendResult::lost(LossReason::kSendError);
  Flow flow = counted_flow();
  pipeline.handle(flow);
  pipeline.flush();
  EXPECT_EQ(counters(pipeline, 0).lost(), 1U);
  EXPECT_EQ(counters(pipeline, 1).flows, 1U);
}

TEST_F(PipelineTest, LosesNothingOfAnUnfinishedBatchWhenItsOutputsChange) {
  test::FakeWire third;
  Pipeline pipeline = make();
  Flow flow = counted_flow();
  const auto handle = [&](int count) {
    for (int i = 0; i < count; ++i) pipeline.handle(flow);
  };
  handle(3);
  Pipeline::Outputs outputs = pipeline.release();
  EXPECT_EQ(outputs[0]->status(clock_.now()).counters.offered, 3U);
  EXPECT_EQ(outputs[1]->status(clock_.now()).counters.offered, 3U);
  outputs.push_back(exporter(third));  // shares the records of those that were there
  pipeline.replace({}, std::move(outputs), {});
  handle(4);
  pipeline.end_batch();
  outputs = pipeline.release();
  const auto first = std::move(outputs[0]);
  outputs.erase(outputs.begin());
  pipeline.replace({}, std::move(outputs), {});
  handle(5);
  pipeline.flush();
  EXPECT_EQ(first->status(clock_.now()).counters.offered, 7U);
  EXPECT_EQ(counters(pipeline, 0).flows, 12U);
  EXPECT_EQ(counters(pipeline, 1).flows, 9U);
}

TEST_F(PipelineTest, DeadlineIsTheEarliestOfTheOutputs) {
  Pipeline pipeline = make();
  pipeline.tick();
  clock_.advance(std::chrono::seconds(1));
  pipeline.tick();  // looks for refusals
  EXPECT_EQ(pipeline.deadline(), clock_.now().steady + std::chrono::seconds(59));
  Flow flow = counted_flow();
  pipeline.handle(flow);
  pipeline.end_batch();
  EXPECT_EQ(pipeline.deadline(), clock_.now().steady + std::chrono::seconds(1));
}

/// Takes what it is offered and does nothing with it: not every output is a collector.
class Collecting : public Output {
 public:
  Collecting(const std::string& name, FlowKinds wants) : Output("test", name, wants) {}
  void offer(const Flow& flow, const Instant& now) override {
    offered.push_back(flow);
    times.push_back(now.steady);
  }
  void tick() override {}
  [[nodiscard]] MonoTime deadline() const override { return MonoTime::max(); }
  void flush() override {}

  std::vector<Flow> offered;
  std::vector<MonoTime> times;

 private:
  void describe(OutputStatus& /*status*/, const Instant& /*now*/) const override {}
};

TEST_F(PipelineTest, OffersAnOutputWhatItWantsAndNothingElse) {
  auto all =
      std::make_unique<Collecting>("all", FlowKinds::reports() | FlowKinds::uncounted_reports());
  auto uncounted = std::make_unique<Collecting>("uncounted", FlowKinds::uncounted_reports());
  const Collecting& of_all = *all;
  const Collecting& of_uncounted = *uncounted;
  Pipeline::Outputs outputs;
  outputs.push_back(std::move(all));
  outputs.push_back(std::move(uncounted));
  Pipeline pipeline({}, std::move(outputs));
  EXPECT_FALSE(pipeline.wants().has(FlowKinds::beginnings() | FlowKinds::empty_ends()));
  Flow flow = counted_flow();
  pipeline.handle(flow);
  flow.present.counters = false;
  pipeline.handle(flow);
  flow.event = FlowEvent::kCreated;
  pipeline.handle(flow);
  EXPECT_EQ(of_all.offered.size(), 2U);
  EXPECT_EQ(of_uncounted.offered.size(), 1U);
  EXPECT_EQ(pipeline.counters().lost_no_counters, 1U);
}

TEST_F(PipelineTest, ReadsTheClockOnceForEachBatch) {
  auto output = std::make_unique<Collecting>("one", FlowKinds::reports());
  const Collecting& one = *output;
  Pipeline::Outputs outputs;
  outputs.push_back(std::move(output));
  Pipeline pipeline({}, std::move(outputs), {}, clock_.clock());
  Flow flow = counted_flow();
  const MonoTime began = clock_.now().steady;
  pipeline.handle(flow);
  clock_.advance(std::chrono::milliseconds(3));
  pipeline.handle(flow);
  pipeline.end_batch();
  pipeline.handle(flow);
  EXPECT_EQ(one.times, (std::vector<MonoTime>{began, began, clock_.now().steady}));
}

TEST_F(PipelineTest, ACollectorThatLeftItsGroupIsNotUnhealthyForEver) {
  Pipeline pipeline = make();
  GroupConfig group;
  group.name = "group";
  group.collectors = {pipeline.outputs()[0]->name()};
  pipeline.replace({}, pipeline.release(), {group});
  first_.answer = SendResult::lost(LossReason::kSendError);
  for (int message = 0; message < 2; ++message) {
    Flow flow = counted_flow();
    pipeline.handle(flow);
    pipeline.flush();
  }
  ASSERT_FALSE(pipeline.outputs()[0]->status(clock_.now()).healthy);
  pipeline.replace({}, pipeline.release(), {});
  EXPECT_TRUE(pipeline.outputs()[0]->status(clock_.now()).healthy);
}

TEST_F(PipelineTest, AGroupGoesOnAfterAReloadWhereItWas) {
  Pipeline::Outputs outputs;
  outputs.push_back(exporter(first_, Profile::kDefault, "first"));
  outputs.push_back(exporter(second_, Profile::kDefault, "second"));
  GroupConfig group;
  group.name = "group";
  group.collectors = {"first", "second"};
  Pipeline pipeline({}, std::move(outputs), {group}, clock_.clock());
  first_.answer = SendResult::lost(LossReason::kSendError);
  for (int message = 0; message < 3; ++message) {
    Flow flow = counted_flow();
    pipeline.handle(flow);
    pipeline.flush();
  }
  pipeline.tick();
  ASSERT_EQ(pipeline.groups()[0].active().name(), "second");
  group.failback_after = std::chrono::minutes(5);
  pipeline.replace({}, pipeline.release(), {group});
  EXPECT_EQ(pipeline.groups()[0].active().name(), "second");
  EXPECT_EQ(pipeline.groups()[0].switches(), 1U);
  const test::LoggedLines lines;
  Flow flow = counted_flow();
  pipeline.handle(flow);
  pipeline.tick();
  EXPECT_EQ(lines.count("collector_"), 0U) << "that it failed over was logged before";
  EXPECT_EQ(counters(pipeline, 1).offered, 2U);
  group.collectors = {"second", "first"};
  pipeline.replace({}, pipeline.release(), {group});
  EXPECT_EQ(pipeline.groups()[0].switches(), 0U) << "another group of that name";
}

TEST_F(PipelineTest, GivesItsOutputsToTheNextConfiguration) {
  Pipeline pipeline = make();
  const Output* const first = pipeline.outputs()[0].get();
  Pipeline::Outputs old = pipeline.release();
  ASSERT_EQ(old.size(), 2U);
  old.pop_back();
  pipeline.replace({}, std::move(old), {});
  ASSERT_EQ(pipeline.outputs().size(), 1U);
  EXPECT_EQ(pipeline.outputs()[0].get(), first);
  Flow flow = counted_flow();
  pipeline.handle(flow);
  pipeline.flush();
  EXPECT_EQ(first_.messages.size(), 1U);
  EXPECT_TRUE(second_.messages.empty());
}

}  // namespace
}  // namespace ctflow
