// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/socket_sink.hpp"

#include <span>

#include "transport/make_transport.hpp"

namespace ctflow {

CollectorConfig socket_settings(const ConnectionLogConfig& config) {
  CollectorConfig settings;
  settings.name = config.name;
  settings.transport = TransportKind::kTcp;
  settings.address = config.to == LogDestination::kUnix ? config.path : config.address;
  settings.port = config.port;
  settings.spool = config.spool;
  return settings;
}

SocketSink::SocketSink(boost::asio::io_context& io, const ConnectionLogConfig& config,
                       ExportLedger& ledger)
    : transport_(make_line_transport(io, socket_settings(config), ledger)) {
  transport_->begin_with({});
}

void SocketSink::deliver(std::string& lines, const MessageContent& content,
                         const Instant& /*now*/) {
  transport_->send(std::as_bytes(std::span(lines)), content);
  lines.clear();
}

void SocketSink::describe(OutputStatus& status) const {
  status.peer = transport_->peer();
  status.connected = transport_->connected();
  status.last_failure = transport_->last_failure();
  status.backlog = transport_->backlog();
}

}  // namespace ctflow
