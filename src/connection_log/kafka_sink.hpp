// SPDX-License-Identifier: GPL-2.0-or-later
// Lines for a Kafka topic: each a message, with the connection's Community ID as its key.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "connection_log/line_sink.hpp"
#include "ctflow/config.hpp"
#include "ledger/export_ledger.hpp"

namespace ctflow {

/// `io` and `ledger` must outlive it. `brokers_changed`: called when its status names another
/// broker. Throws std::runtime_error when librdkafka refuses the settings, and always without
/// CTFLOWD_KAFKA.
std::unique_ptr<LineSink> make_kafka_sink(boost::asio::io_context& io,
                                          const ConnectionLogConfig& config, ExportLedger& ledger,
                                          std::function<void()> brokers_changed);

}  // namespace ctflow
