// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/make_row_log.hpp"

#include <fmt/format.h>

#include <random>
#include <utility>

#include "connection_log/connection_log.hpp"
#include "postgresql/libpq_server.hpp"
#include "postgresql/row_sink.hpp"

namespace ctflow {
namespace {

/// Of this process and this output: no other has the same.
std::string new_writer(const std::string& log) {
  std::random_device random;
  std::string text = log + ":";
  for (int i = 0; i < 4; ++i) text += fmt::format("{:08x}", random());
  return text;
}

}  // namespace

std::unique_ptr<Output> make_row_log(boost::asio::io_context& io, const ConnectionLogConfig& config,
                                     std::shared_ptr<const OutputContext> context) {
  return std::make_unique<ConnectionLog>(
      config,
      [&](ExportLedger& ledger) {
        return std::make_unique<postgresql::RowSink>(
            config, std::make_unique<postgresql::LibpqServer>(io, config.postgresql.connection),
            ledger, new_writer(config.name));
      },
      std::move(context));
}

}  // namespace ctflow
