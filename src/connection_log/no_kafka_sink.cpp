// SPDX-License-Identifier: GPL-2.0-or-later
// Stands for kafka_sink.cpp in a ctflowd without CTFLOWD_KAFKA.
#include <stdexcept>

#include "connection_log/kafka_sink.hpp"

namespace ctflow {

std::unique_ptr<LineSink> make_kafka_sink(boost::asio::io_context& /*io*/,
                                          const ConnectionLogConfig& config,
                                          ExportLedger& /*ledger*/,
                                          std::function<void()> /*brokers_changed*/) {
  throw std::runtime_error(config.name + ": built without Kafka");  // the settings refuse it
}

}  // namespace ctflow
