// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/connection_log.hpp"

#include <algorithm>
#include <utility>

#include "connection_log/line.hpp"

namespace ctflow {
namespace {

/// Whether its line says packets and octets.
bool has_amounts(const Flow& flow) {
  return flow.present.counters && flow.event != FlowEvent::kEndedBefore;
}

}  // namespace

ConnectionLog::ConnectionLog(const ConnectionLogConfig& config, const MakeSink& make_sink,
                             std::shared_ptr<const OutputContext> context, Clock clock)
    : Output("connection_log", config.name,
             FlowKinds::reports() | FlowKinds::uncounted_reports() | FlowKinds::empty_ends()),
      config_(config),
      context_(std::move(context)),
      clock_(std::move(clock)),
      sink_(make_sink(ledger_)) {
  lines_.reserve(kBatch + kLongestLine);
}

FilteredAmount ConnectionLog::leave_out(const Flow& flow) {
  FilteredAmount amount{.flows = 1};
  if (has_amounts(flow)) {
    amount.packets = flow.original_counters.packets + flow.reply_counters.packets;
    amount.octets = flow.original_counters.octets + flow.reply_counters.octets;
  }
  ledger_.leave_out(amount);
  return amount;
}

void ConnectionLog::offer(const Flow& flow, const Instant& now) {
  ledger_.offer();
  if (lines_.empty()) opened_ = now.steady;
  sink_->append(lines_, flow,
                {config_.observation_domain, config_.network_namespace, context_->interface_names(),
                 config_.mac_addresses, config_.network_origins});
  MessageContent line{.flows = 1, .data_records = 1};
  if (has_amounts(flow)) {
    line.packets = flow.original_counters.packets + flow.reply_counters.packets;
    line.octets = flow.original_counters.octets + flow.reply_counters.octets;
  }
  ++content_.flows;
  ++content_.data_records;
  content_.packets += line.packets;
  content_.octets += line.octets;
  sink_->add(line);
  if (lines_.size() >= kBatch) deliver(now);
}

void ConnectionLog::deliver(const Instant& now) {
  if (lines_.empty()) return;
  sink_->deliver(lines_, std::exchange(content_, {}), now);
  if (lines_.capacity() < kBatch + kLongestLine) lines_.reserve(kBatch + kLongestLine);
}

void ConnectionLog::tick() {
  const Instant now = clock_();
  if (!lines_.empty() && now.steady - opened_ >= config_.flush_after) deliver(now);
  sink_->tick(now);
}

MonoTime ConnectionLog::deadline() const {
  const MonoTime due = lines_.empty() ? MonoTime::max() : opened_ + config_.flush_after;
  return std::min(due, sink_->deadline());
}

void ConnectionLog::flush() { deliver(clock_()); }

void ConnectionLog::reopen() {
  flush();
  sink_->reopen();
}

void ConnectionLog::stop() {
  flush();
  sink_->stop();
}

void ConnectionLog::describe(OutputStatus& status, const Instant& /*now*/) const {
  status.counters = ledger_.counters();
  status.details = ConnectionLogStatus{config_.to, {}};
  sink_->describe(status);
}

}  // namespace ctflow
