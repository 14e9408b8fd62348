// SPDX-License-Identifier: GPL-2.0-or-later
// Lines for a file or standard output.
#pragma once

#include <memory>

#include "connection_log/line_sink.hpp"
#include "connection_log/log_writer.hpp"
#include "ctflow/config.hpp"
#include "ledger/export_ledger.hpp"
#include "log/log.hpp"

namespace ctflow {

/// While nothing can be written, lines wait in the buffer; those that find no room are lost.
class WriterSink : public LineSink {
 public:
  /// `ledger` must outlive this.
  WriterSink(const ConnectionLogConfig& config, std::unique_ptr<LineTarget> target,
             ExportLedger& ledger);

  void deliver(std::string& lines, const MessageContent& content, const Instant& now) override;
  void tick(const Instant& now) override;
  [[nodiscard]] MonoTime deadline() const override { return look_at_; }
  void reopen() override { writer_.reopen(); }
  [[nodiscard]] bool busy() const override { return !stopped_ && !failing_ && !writer_.empty(); }
  void stop() override;
  void describe(OutputStatus& status) const override;

 private:
  void take_report(const Instant& now);
  void note_failure(const LogWriter::Report& report, const Instant& now);
  void log_news(const TargetNews& news);

  ConnectionLogConfig config_;
  ExportLedger& ledger_;
  LogWriter writer_;
  MonoTime look_at_{};  ///< at once: the file is opened before there is a line
  bool failing_ = false;
  bool begun_ = false;  ///< the file was opened, or could not be
  bool stopped_ = false;
  LastFailure last_failure_;
  log::RateLimit failure_log_;
  log::RateLimit news_log_;
};

}  // namespace ctflow
