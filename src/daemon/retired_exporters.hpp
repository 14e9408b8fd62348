// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "ctflow/clock.hpp"
#include "event_loop/timer.hpp"
#include "export/exporter.hpp"

namespace ctflow {

/// Exporters of collectors that a reload removed or changed. Each has a few seconds to send what
/// waits for its connection, then its session ends and its totals are logged.
class RetiredExporters {
 public:
  explicit RetiredExporters(boost::asio::io_context& io) : timer_(io) {}

  void add(std::unique_ptr<Exporter> exporter);

  [[nodiscard]] bool busy() const;

  /// Ends them all now.
  void finish();

 private:
  struct Retired {
    std::unique_ptr<Exporter> exporter;
    MonoTime latest;
  };

  static bool busy_one(const Retired& one) { return one.exporter->transport().busy(); }
  static void end(const Retired& one);
  void watch();

  Timer timer_;
  std::vector<Retired> retired_;
};

}  // namespace ctflow
