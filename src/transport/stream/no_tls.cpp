// SPDX-License-Identifier: GPL-2.0-or-later
// Stands for tls_*.cpp in a ctflowd without CTFLOWD_TLS.
#include <stdexcept>

#include "transport/stream/tls_connection.hpp"
#include "transport/stream/tls_files.hpp"

namespace ctflow {

std::optional<TlsFault> find_fault(const TlsConfig& /*config*/) { return std::nullopt; }

std::optional<Certificate> own_certificate(const TlsConfig& /*config*/) { return std::nullopt; }

std::function<std::shared_ptr<Connection>()> tls_connection_maker(boost::asio::io_context& /*io*/,
                                                                  const CollectorConfig& config) {
  throw std::runtime_error("collector " + config.name + ": built without TLS");
}

}  // namespace ctflow
