// SPDX-License-Identifier: GPL-2.0-or-later
// Owns the event loop and everything that runs in it, from start to totals.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "ctflow/config.hpp"
#include "ctflow/flow_source.hpp"
#include "ctflow/metrics.hpp"
#include "ctflow/pipeline.hpp"

namespace ctflow {

class RoutingMirror;

class Daemon : private FlowSink {
 public:
  /// `io` must outlive the daemon. `extras`: flows may carry KernelExtras.
  Daemon(boost::asio::io_context& io, const Config& config, bool extras);
  ~Daemon() override;

  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  Daemon(Daemon&&) = delete;
  Daemon& operator=(Daemon&&) = delete;

  /// Runs until SIGTERM, SIGINT or the end of the source; then drains, flushes and logs the totals.
  /// Returns the exit status.
  int run(FlowSource& source);

  /// True while the system's resolver works for a collector: it cannot be interrupted.
  [[nodiscard]] bool lookup_running() const;

 private:
  void on_flow(Flow& flow) override { pipeline_.handle(flow); }
  void on_batch_end() override { arm_timer(); }
  void on_source_end() override;

  /// Starts the source once every collector's name had its first answer and the routes are read, or
  /// after a moment: meanwhile the kernel queues the events.
  void start_when_ready(std::chrono::steady_clock::time_point latest);
  void start();
  void arm_timer();
  void log_totals() const;
  void log_interface_totals() const;

  boost::asio::io_context& io_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer start_timer_;
  boost::asio::steady_timer timer_;
  Exporter::Deadline armed_ = Exporter::Deadline::max();
  std::unique_ptr<RoutingMirror> mirror_;  ///< null: the routes are not asked
  InterfaceCounters interface_counters_;
  Pipeline pipeline_;
  FlowSource* source_ = nullptr;
  bool started_ = false;
};

}  // namespace ctflow
