// SPDX-License-Identifier: GPL-2.0-or-later
// Cost per connection of each step and of the whole path, over the same event.
#include <benchmark/benchmark.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#include <algorithm>
#include <cstring>

#include "conntrack/events/event_reader.hpp"
#include "conntrack/flow/decode.hpp"
#include "daemon/pipeline.hpp"
#include "encode/ipfix.hpp"
#include "encode/netflow9.hpp"
#include "enrich/constant_interfaces.hpp"
#include "export/datagram_exporter.hpp"
#include "support/event_builder.hpp"
#include "support/fakes.hpp"

namespace ctflow {
namespace {

const test::Octets& event() {
  static const test::Octets octets = test::nat_tcp_event();
  return octets;
}

Bytes event_bytes() { return std::as_bytes(std::span(event())); }

Flow event_flow() {
  Flow flow;
  decode(event_bytes(), flow);
  return flow;
}

void decode_ours(benchmark::State& state) {
  Flow flow;
  for (auto _ : state) {
    benchmark::DoNotOptimize(decode(event_bytes(), flow));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(decode_ours);

void decode_libnetfilter_conntrack(benchmark::State& state) {
  nf_conntrack* connection = nfct_new();
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        nfct_nlmsg_parse(reinterpret_cast<const nlmsghdr*>(event().data()), connection));
    benchmark::ClobberMemory();
  }
  nfct_destroy(connection);
}
BENCHMARK(decode_libnetfilter_conntrack);

/// Both records of one connection, messages finished as they fill.
template <typename EncoderType, typename... Arguments>
void encode_flow(benchmark::State& state, Arguments... arguments) {
  EncoderType encoder(EncoderOptions{7}, arguments...);
  std::vector<std::byte> buffer(1400);
  const Flow flow = event_flow();
  encoder.begin(buffer);
  for (auto _ : state) {
    if (encoder.add(flow)) continue;
    benchmark::DoNotOptimize(encoder.finish(flow.end));
    encoder.begin(buffer);
    benchmark::DoNotOptimize(encoder.add(flow));
  }
}
void encode_ipfix(benchmark::State& state) { encode_flow<IpfixEncoder>(state); }
BENCHMARK(encode_ipfix);
void encode_netflow9(benchmark::State& state) {
  encode_flow<Netflow9Encoder>(state, TimePoint(std::chrono::seconds(1'699'000'000)));
}
BENCHMARK(encode_netflow9);

/// Takes messages and forgets them.
class NullTransport : public DatagramTransport {
 public:
  bool prepare() override { return false; }
  SendResult send(std::span<const std::byte> message) override {
    benchmark::DoNotOptimize(message.data());
    return SendResult::sent();
  }
  [[nodiscard]] std::size_t longest_message() const override { return kMaximumMessageSize; }
  [[nodiscard]] bool connected() const override { return true; }
  [[nodiscard]] TransportStatus status() const override { return {}; }
};

class PipelineSink : public FlowSink {
 public:
  explicit PipelineSink(Pipeline& pipeline) : pipeline_(pipeline) {}
  void on_flow(Flow& flow) override { pipeline_.handle(flow); }
  void on_batch_end() override {}
  void on_checkpoint() override {}
  void on_source_end() override {}

 private:
  Pipeline& pipeline_;
};

/// Netlink bytes to finished messages, everything but the two system calls.
void whole_path(benchmark::State& state) {
  InterfaceCounters found;
  std::vector<std::unique_ptr<Enricher>> enrichers;
  enrichers.push_back(std::make_unique<ConstantInterfaces>(InterfacesConfig{1, 2}, found));
  Pipeline::Outputs outputs;
  outputs.push_back(std::make_unique<DatagramExporter>(
      CollectorConfig{}, std::make_unique<IpfixEncoder>(EncoderOptions{}),
      std::make_unique<NullTransport>(), std::make_shared<OutputContext>()));
  Pipeline pipeline(std::move(enrichers), std::move(outputs));
  PipelineSink sink(pipeline);
  SourceCounters counters;
  FlowAssembler reading(sink, counters, SourceConfig{}, {});
  EventReader reader(reading);
  const Instant now{TimePoint(std::chrono::seconds(1'700'000'200)), {}};
  // Another connection each time, by the octets of its start: the same end is taken for a repeat.
  test::Octets next = event();
  const test::Octets start = test::be64(test::kStart);
  const auto place = std::search(next.begin(), next.end(), start.begin(), start.end());
  std::uint32_t number = 0;
  for (auto _ : state) {
    ++number;
    std::memcpy(&*place + 4, &number, sizeof number);
    reader.on_datagram(std::as_bytes(std::span(next)), now);
  }
  if (counters.repeated > 0) state.SkipWithError("connections were taken for repeats");
}
BENCHMARK(whole_path);

}  // namespace
}  // namespace ctflow
