// SPDX-License-Identifier: GPL-2.0-or-later
// The output that writes a line of JSON for every flow report and every end.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "connection_log/line_sink.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/output.hpp"
#include "ledger/export_ledger.hpp"

namespace ctflow {

/// Lines are gathered into batches, which leave when they are full or have waited for
/// `flush_after`. In the ledger a batch is a message, and a line is a record.
class ConnectionLog : public Output {
 public:
  using MakeSink = std::function<std::unique_ptr<LineSink>(ExportLedger&)>;

  ConnectionLog(const ConnectionLogConfig& config, const MakeSink& make_sink,
                std::shared_ptr<const OutputContext> context, Clock clock = system_now);

  void offer(const Flow& flow, const Instant& now) override;
  void tick() override;
  [[nodiscard]] MonoTime deadline() const override;
  void flush() override;
  void reopen() override;
  [[nodiscard]] bool busy() const override { return sink_->busy(); }
  void stop() override;
  [[nodiscard]] bool lookup_running() const override { return sink_->lookup_running(); }
  [[nodiscard]] std::vector<RemotePeer> peers() const override { return sink_->peers(); }

  /// Octets at which a batch is full.
  static constexpr std::size_t kBatch = 32'768;

 private:
  void describe(OutputStatus& status, const Instant& now) const override;
  FilteredAmount leave_out(const Flow& flow) override;
  void deliver(const Instant& now);

  ConnectionLogConfig config_;
  std::shared_ptr<const OutputContext> context_;
  Clock clock_;
  ExportLedger ledger_;
  std::string lines_;
  MessageContent content_;
  MonoTime opened_{};
  std::unique_ptr<LineSink> sink_;
};

}  // namespace ctflow
