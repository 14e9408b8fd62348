// SPDX-License-Identifier: GPL-2.0-or-later
// Stands for the rest of this folder in a ctflowd without CTFLOWD_POSTGRESQL.
#include <stdexcept>

#include "postgresql/connection_text.hpp"
#include "postgresql/make_row_log.hpp"

namespace ctflow {

std::unique_ptr<Output> make_row_log(boost::asio::io_context& /*io*/,
                                     const ConnectionLogConfig& config,
                                     std::shared_ptr<const OutputContext> /*context*/) {
  throw std::runtime_error(config.name + ": built without PostgreSQL");  // the settings refuse it
}

namespace postgresql {

std::optional<std::string> fault_of_connection(const std::string& /*connection*/) {
  return std::nullopt;
}

std::optional<std::string> try_connection(const std::string& /*connection*/) {
  return std::nullopt;
}

}  // namespace postgresql
}  // namespace ctflow
