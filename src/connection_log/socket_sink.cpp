// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/socket_sink.hpp"

#include <span>
#include <utility>

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
  TransportStatus transport = transport_->status();
  status.peer = std::move(transport.peer);
  status.connected = transport_->connected();
  status.last_failure = std::move(transport.last_failure);
  status.backlog = std::move(transport.backlog);
}

}  // namespace ctflow
