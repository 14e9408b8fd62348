// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/replay_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "text/people_text.hpp"

namespace ctflow {
namespace {

constexpr std::uint32_t kTurnsPerSecond = 100;  // of a paced replay
constexpr std::uint32_t kPortion = 1024;        // events per turn when not paced

}  // namespace

ReplaySource::ReplaySource(boost::asio::io_context& io, const std::string& file_name,
                           std::uint32_t rate, const SourceConfig& config)
    : file_name_(file_name),
      file_(file_name),
      timer_(io),
      rate_(rate),
      config_(config),
      extras_(recorded_extras(config)) {}

void ReplaySource::start(FlowSink& sink) {
  sink_ = &sink;
  began_.steady = std::chrono::steady_clock::now();
  assembler_.emplace(sink, counters_, config_, began_);
  assembler_->extras = extras_.get();
  assembler_->nat_events = nat_events_;
  assembler_->every_end = every_end_;
  reader_.emplace(*assembler_);
  file_.on_timeouts([this](const TimeoutsRead& read, TimePoint time) {
    assembler_->timeouts.observe(read, time);
  });
  play();
}

void ReplaySource::play() {
  // Paced: as many events per turn as the rate asks, or one event in longer turns.
  const std::uint32_t portion = rate_ == 0 ? kPortion : std::max(rate_ / kTurnsPerSecond, 1U);
  Bytes datagram;
  TimePoint time;
  for (std::uint32_t i = 0; i < portion; ++i) {
    if (!file_.next(datagram, time)) {
      if (!read_any_ && file_.skipped() > 0) {
        throw EventFileError(fmt::format(
            "{}: it has {}, but no datagram of NETLINK_NETFILTER, as `ctflowd record` stores; a "
            "capture at a device of type nlmon has them while something listens to conntrack "
            "events",
            file_name_, text::count_text(file_.skipped(), "packet", "packets")));
      }
      sink_->on_source_end();
      return;
    }
    read_any_ = true;
    if (began_.wall == TimePoint{}) began_.wall = time;
    reader_->on_datagram(datagram, {time, began_.steady + std::max(time - began_.wall, {})});
  }
  sink_->on_batch_end();
  timer_.after(
      std::chrono::microseconds(rate_ == 0 ? 0 : std::uint64_t{portion} * 1'000'000 / rate_),
      [this] { play(); });
}

}  // namespace ctflow
