// SPDX-License-Identifier: GPL-2.0-or-later
// Measuring programs without a kernel, and records as they send them.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <utility>

#include "ctflow/clock.hpp"
#include "extras/from_bpf/measuring.hpp"
#include "process/descriptor.hpp"
#include "support/event_builder.hpp"

namespace ctflow::test {

/// What the fake was asked for and what it answers; outlives the fake itself.
struct FakeKernelRing {
  std::deque<ctflow_record> records;  ///< in the ring
  std::deque<ctflow_record> living;   ///< sent by report_all()
  std::map<std::uint64_t, Watch> watched;
  std::map<std::uint64_t, RecordLosses> losses;
  MissedRuns missed;
  bool flowtables = false;
  std::string load_obstacle;
  std::string watch_obstacle;
  std::function<void()> on_unwatch;
  std::size_t room = 1'000'000;  ///< records of `living` that fit at once
  int loads = 0;
  int sweeps = 0;
  bool long_sweeps = false;  ///< each ends when `sweep` is given a value
  std::promise<bool> sweep;  ///< the last one
  int descriptor = -1;
};

class FakePrograms : public MeasuringPrograms {
 public:
  explicit FakePrograms(FakeKernelRing& kernel) : kernel_(kernel) {}

  std::string load() override {
    ++kernel_.loads;
    return kernel_.load_obstacle;
  }
  std::string watch(std::uint64_t netns, const Watch& what) override {
    if (kernel_.watch_obstacle.empty()) kernel_.watched[netns] = what;
    return kernel_.watch_obstacle;
  }
  void unwatch(std::uint64_t netns) override {
    kernel_.watched.erase(netns);
    if (kernel_.on_unwatch) kernel_.on_unwatch();
  }
  [[nodiscard]] int descriptor() const override { return kernel_.descriptor; }
  std::size_t consume(const Take& take, std::size_t limit) override {
    std::size_t taken = 0;
    for (; taken < limit && !kernel_.records.empty(); ++taken) {
      const ctflow_record record = kernel_.records.front();
      kernel_.records.pop_front();
      take(record);
    }
    return taken;
  }
  std::future<bool> sweep() override {
    ++kernel_.sweeps;
    kernel_.sweep = {};
    if (!kernel_.long_sweeps) kernel_.sweep.set_value(true);
    return kernel_.sweep.get_future();
  }
  bool report_all(std::uint64_t netns, std::uint64_t /*before*/) override {
    for (std::size_t i = 0; i < kernel_.room && !kernel_.living.empty(); ++i) {
      if (kernel_.living.front().netns == netns) kernel_.records.push_back(kernel_.living.front());
      kernel_.living.pop_front();
    }
    return kernel_.living.empty();
  }
  [[nodiscard]] RecordLosses losses(std::uint64_t netns) const override {
    const auto found = kernel_.losses.find(netns);
    return found == kernel_.losses.end() ? RecordLosses{} : found->second;
  }

  [[nodiscard]] MissedRuns missed_runs() const override { return kernel_.missed; }
  [[nodiscard]] bool sees_flowtables() const override { return kernel_.flowtables; }

 private:
  FakeKernelRing& kernel_;
};

inline constexpr std::uint64_t kNetns = 4026531840;
inline constexpr std::uint64_t kUptime = 5000 * kSecond;  ///< CLOCK_MONOTONIC at kStart

/// A measured UDP connection: what the wire had, and conntrack one packet less in each direction
/// that has any.
struct MeasuredConnection {
  std::uint16_t port = 1000;
  std::uint64_t original_counters = 0;  ///< packets of 100 octets
  std::uint64_t reply_counters = 0;
  std::uint64_t start = kStart;  ///< nanoseconds since 1970, 0: not stamped
  std::uint64_t first = 0;       ///< nanoseconds behind kStart
  std::uint64_t last = 0;
  std::uint64_t netns = kNetns;
  bool measured = true;
  bool counted = true;
};

inline ctflow_tuple udp_tuple(std::uint32_t source, std::uint16_t source_port,
                              std::uint32_t destination, std::uint16_t destination_port) {
  ctflow_tuple tuple{};
  const std::uint32_t from = htonl(source);
  const std::uint32_t to = htonl(destination);
  std::memcpy(tuple.source, &from, sizeof from);
  std::memcpy(tuple.destination, &to, sizeof to);
  tuple.source_port = htons(source_port);
  tuple.destination_port = htons(destination_port);
  tuple.family = AF_INET;
  tuple.protocol = IPPROTO_UDP;
  return tuple;
}

inline ctflow_direction seen(std::uint64_t packets, std::uint64_t first, std::uint64_t last) {
  ctflow_direction direction{};
  if (packets == 0) return direction;
  direction.packets = packets;
  direction.octets = packets * kStockOctets;
  direction.first = kUptime + first;
  direction.last = kUptime + last;
  direction.iif = 2;
  direction.oif = 3;
  direction.has_iif = direction.has_oif = 1;
  direction.tos = 0xb8;
  direction.ttl_min = 33;
  direction.ttl_max = 37;
  direction.length_min = 40;
  direction.length_max = 70'000;
  return direction;
}

/// `at`: nanoseconds behind kStart at which it is sent.
inline ctflow_record record(ctflow_event event, const MeasuredConnection& one, std::uint64_t at) {
  ctflow_record result{};
  result.event = static_cast<__u8>(event);
  result.netns = one.netns;
  result.connection = 0xffff888000000000 + one.port;
  result.time = kUptime + at;
  result.timeout = event == CTFLOW_ENDED ? 0 : static_cast<__s64>(30 * kSecond);
  result.status = 0x18e;
  result.zone_direction = 3;
  if (one.start != 0) {
    result.start = one.start;
    result.present |= CTFLOW_HAS_START;
  }
  if (one.counted && event != CTFLOW_CREATED) {
    const auto less = [](std::uint64_t packets) { return packets == 0 ? 0 : packets - 1; };
    result.conntrack_packets[0] = less(one.original_counters);
    result.conntrack_packets[1] = less(one.reply_counters);
    result.conntrack_octets[0] = less(one.original_counters) * kStockOctets;
    result.conntrack_octets[1] = less(one.reply_counters) * kStockOctets;
    result.present |= CTFLOW_HAS_COUNTERS;
  }
  result.tuple[0] = udp_tuple(kClient, one.port, kServer, 53);
  result.tuple[1] = udp_tuple(kServer, 53, kClient, one.port);
  if (one.measured && event != CTFLOW_CREATED) {
    result.measured.direction[0] = seen(one.original_counters, one.first, one.last);
    result.measured.direction[1] = seen(one.reply_counters, one.first, one.last);
    result.present |= CTFLOW_HAS_MEASURED;
  }
  return result;
}

/// Both clocks so many nanoseconds behind kStart. `set_by`: the wall clock was set meanwhile.
inline Instant instant(std::uint64_t at, std::chrono::nanoseconds set_by = {}) {
  return {TimePoint(std::chrono::nanoseconds(kStart + at)) + set_by,
          MonoTime(std::chrono::nanoseconds(kUptime + at))};
}

}  // namespace ctflow::test
