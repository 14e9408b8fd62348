// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/conntrack_source.hpp"

#include "conntrack/kernel_check.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::seconds kTimeoutsInterval{60};

}  // namespace

ConntrackSource::ConntrackSource(boost::asio::io_context& io, const SourceConfig& config)
    : config_(config), listener_(io, config), timer_(io) {}

void ConntrackSource::start(FlowSink& sink) {
  for (const KernelFinding& finding : check_kernel()) {
    log::warn("{} means=\"{}\" mend=\"{}\"", finding.event, finding.means, finding.mend);
  }
  const bool patched = find_kernel_patch() != KernelPatch::kAbsent;
  log::info("kernel flow_patch={} end_times={} counters={} interfaces={}",
            patched ? "present" : "absent", patched ? "exact" : "estimated",
            patched && config_.wire_counters ? "wire" : "conntrack",
            patched ? "exact" : "configured");
  reader_.emplace(sink, counters_, read_timeouts(),
                  ReaderOptions{config_.wire_counters, config_.live_connections});
  listener_.start(*reader_, counters_);
  watch_timeouts();
}

void ConntrackSource::watch_timeouts() {
  timer_.expires_after(kTimeoutsInterval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    reader_->set_timeouts(read_timeouts());
    watch_timeouts();
  });
}

void ConntrackSource::stop() {
  timer_.cancel();
  listener_.stop();
}

}  // namespace ctflow
