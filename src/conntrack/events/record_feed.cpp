// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/record_feed.hpp"

#include <utility>

namespace ctflow {

Watch RecordFeed::watch_of(const SourceConfig& config, bool beginnings) {
  return {config.active_timeout, beginnings};
}

RecordFeed::RecordFeed(RecordRing& ring, int id, const SourceConfig& config)
    : ring_(ring), id_(id), config_(config), counted_(ring.losses(id)) {}

RecordFeed::~RecordFeed() {
  consumer_ = nullptr;
  stop();
}

void RecordFeed::listen_to_beginnings(bool on) {
  const std::string obstacle = ring_.change(id_, watch_of(config_, on));
  if (obstacle.empty()) return;
  log::warn(
      "watch_unchanged error={} impact=\"beginnings of connections are {}\" fix=\"restart "
      "ctflowd\"",
      log::quoted(obstacle), on ? "not exported" : "still sent by the kernel");
}

void RecordFeed::start(RecordConsumer& consumer, SourceCounters& counters) {
  consumer_ = &consumer;
  counters_ = &counters;
  ring_.start(id_, *this);
}

void RecordFeed::on_record(const ctflow_record& record, const Instant& time) {
  if (consumer_ == nullptr) return;
  ++batch_;
  consumer_->on_record(record, time);
}

void RecordFeed::on_batch_end() {
  if (consumer_ == nullptr) return;
  if (batch_ > 0) {
    batches_.add(std::exchange(batch_, 0));
    consumer_->on_batch_end();
  }
  count_lost();
}

void RecordFeed::count_lost() {
  counters_->unmeasured_packets = ring_.unmeasured_packets(id_);
  const RecordLosses now = ring_.losses(id_);
  const RecordLosses before = std::exchange(counted_, now);
  if (now == before) return;
  const auto news = [&](ctflow_loss loss) { return now[loss] - before[loss]; };
  counters_->lost_ends += news(CTFLOW_LOST_ENDED);
  counters_->lost_beginnings += news(CTFLOW_LOST_CREATED);
  counters_->delayed_reports += news(CTFLOW_LOST_REPORTED);
  counters_->unmeasured += news(CTFLOW_LOST_UNMEASURED);
  if (news(CTFLOW_LOST_UNMEASURED) > 0 && unmeasured_log_.allow()) {
    log::warn(
        "connections_unmeasured unmeasured={} suppressed={} impact=\"their records have "
        "conntrack's counters and estimated times\" fix=\"raise net.netfilter.nf_conntrack_max "
        "before ctflowd starts: the map of the programs has as many places\"",
        counters_->unmeasured, unmeasured_log_.suppressed());
  }
  const std::uint64_t lost = news(CTFLOW_LOST_ENDED) + news(CTFLOW_LOST_CREATED);
  if (lost + news(CTFLOW_LOST_REPORTED) == 0) return;
  ++counters_->overruns;
  if (lost > 0 && lost_log_.allow()) {
    log::warn(
        "events_lost reason=ring_full lost={} beginnings={} overruns={} suppressed={} "
        "impact=\"connections that ended are not exported, or lack what came after the previous "
        "report\" fix=\"give ctflowd more CPU time, or let source.filter leave out what is not "
        "wanted\"",
        counters_->lost_ends, counters_->lost_beginnings, counters_->overruns,
        lost_log_.suppressed());
  }
  if (news(CTFLOW_LOST_ENDED) > 0 && events_lost) events_lost();
}

void RecordFeed::stop() {
  if (std::exchange(stopped_, true)) return;
  ring_.unwatch(id_);
  consumer_ = nullptr;
}

}  // namespace ctflow
