// SPDX-License-Identifier: GPL-2.0-or-later
// Lines for a program that listens at a unix socket or a TCP port.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "connection_log/line_sink.hpp"
#include "ctflow/config.hpp"
#include "ctflow/transport.hpp"
#include "ledger/export_ledger.hpp"

namespace ctflow {

/// The same in the terms of the transport, as of a collector.
CollectorConfig socket_settings(const ConnectionLogConfig& config);

/// Batches wait in the spool of the transport until a connection takes them. Of a broken connection
/// the receiver may have part of a batch, also part of a line: the next connection gets all of it.
class SocketSink : public LineSink {
 public:
  /// `ledger` must outlive this.
  SocketSink(boost::asio::io_context& io, const ConnectionLogConfig& config, ExportLedger& ledger);

  void deliver(std::string& lines, const MessageContent& content, const Instant& now) override;
  [[nodiscard]] bool busy() const override { return transport_->busy(); }
  void stop() override { transport_->stop(); }
  [[nodiscard]] bool lookup_running() const override { return transport_->lookup_running(); }
  [[nodiscard]] std::vector<RemotePeer> peers() const override {
    return {{transport_->status().peer}};
  }
  void describe(OutputStatus& status) const override;

 private:
  std::unique_ptr<SessionTransport> transport_;
};

}  // namespace ctflow
