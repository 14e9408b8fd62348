// SPDX-License-Identifier: GPL-2.0-or-later
// Outputs on their way out.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/output.hpp"
#include "event_loop/timer.hpp"

namespace ctflow {

/// Outputs that a reload removed or changed, or whose network namespace is closed. Each has a few
/// seconds to send what waits, then it is stopped and its totals are logged.
class RetiredOutputs {
 public:
  explicit RetiredOutputs(boost::asio::io_context& io) : timer_(io) {}

  void add(std::unique_ptr<Output> output);

  [[nodiscard]] bool busy() const;

  /// Ends them all now.
  void finish();

 private:
  struct Retired {
    std::unique_ptr<Output> output;
    MonoTime latest;
    ExporterCounters counters;  ///< when it was retired
  };

  static bool busy_one(const Retired& one) { return one.output->busy(); }
  static void end(const Retired& one);
  void watch();

  Timer timer_;
  std::vector<Retired> retired_;
};

}  // namespace ctflow
