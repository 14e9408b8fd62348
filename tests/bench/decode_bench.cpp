// SPDX-License-Identifier: GPL-2.0-or-later
// Decoding every recorded event (tests/golden/events.pcap): ours beside libnetfilter_conntrack.
#include <benchmark/benchmark.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#include <stdexcept>
#include <vector>

#include "conntrack/events/event_file.hpp"
#include "conntrack/flow/decode.hpp"

namespace ctflow {
namespace {

/// Each event at the alignment that the library's casts need.
using Event = std::vector<std::uint64_t>;

const std::vector<Event>& events() {
  static const std::vector<Event> all = [] {
    std::vector<Event> read;
    EventFileReader file(CTFLOW_SOURCE_DIR "/tests/golden/events.pcap");
    Bytes datagram;
    TimePoint time;
    while (file.next(datagram, time)) {
      Event event((datagram.size() + 7) / 8);
      std::memcpy(event.data(), datagram.data(), datagram.size());
      read.push_back(std::move(event));
    }
    if (read.empty()) throw std::runtime_error("tests/golden/events.pcap holds no events");
    return read;
  }();
  return all;
}

void count_items(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(events().size()));
}

void decode_recorded_ours(benchmark::State& state) {
  Flow flow;
  for (auto _ : state) {
    for (const Event& event : events()) {
      if (decode(std::as_bytes(std::span(event)), flow) != DecodeResult::kFlow) {
        state.SkipWithError("refused");
      }
      benchmark::ClobberMemory();
    }
  }
  count_items(state);
}
BENCHMARK(decode_recorded_ours);

void decode_recorded_libnetfilter_conntrack(benchmark::State& state) {
  nf_conntrack* connection = nfct_new();
  for (auto _ : state) {
    for (const Event& event : events()) {
      if (nfct_nlmsg_parse(reinterpret_cast<const nlmsghdr*>(event.data()), connection) < 0) {
        state.SkipWithError("refused");
      }
      benchmark::ClobberMemory();
    }
  }
  count_items(state);
  nfct_destroy(connection);
}
BENCHMARK(decode_recorded_libnetfilter_conntrack);

}  // namespace
}  // namespace ctflow
