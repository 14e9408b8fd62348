// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/make_connection_log.hpp"

#include <utility>

#include "connection_log/connection_log.hpp"
#include "connection_log/kafka_sink.hpp"
#include "connection_log/log_file.hpp"
#include "connection_log/log_stdout.hpp"
#include "connection_log/socket_sink.hpp"
#include "connection_log/writer_sink.hpp"

namespace ctflow {
namespace {

std::unique_ptr<LineSink> make_sink(boost::asio::io_context& io, const ConnectionLogConfig& config,
                                    ExportLedger& ledger,
                                    const std::shared_ptr<const OutputContext>& context) {
  switch (config.to) {
    case LogDestination::kFile:
      return std::make_unique<WriterSink>(
          config, std::make_unique<LogFile>(config.path, config.rotate), ledger);
    case LogDestination::kStdout:
      return std::make_unique<WriterSink>(config, std::make_unique<LogStdout>(), ledger);
    case LogDestination::kKafka:
      return make_kafka_sink(io, config, ledger, [context] { context->peers_changed(); });
    case LogDestination::kUnix:
    case LogDestination::kTcp:
    case LogDestination::kPostgresql:
      break;
  }
  return std::make_unique<SocketSink>(io, config, ledger);
}

}  // namespace

std::unique_ptr<Output> make_connection_log(boost::asio::io_context& io,
                                            const ConnectionLogConfig& config,
                                            std::shared_ptr<const OutputContext> context) {
  return std::make_unique<ConnectionLog>(
      config, [&](ExportLedger& ledger) { return make_sink(io, config, ledger, context); },
      context);
}

}  // namespace ctflow
