// SPDX-License-Identifier: GPL-2.0-or-later
// TLS over TCP.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "ctflow/config.hpp"
#include "transport/stream/connection.hpp"

namespace ctflow {

/// Only with CTFLOWD_TLS. Reads the files of `config.tls`; throws TlsFileError.
std::shared_ptr<Connection> make_tls_connection(boost::asio::io_context& io,
                                                const CollectorConfig& config);

/// Makes them when they are needed. `io` must outlive it. Without CTFLOWD_TLS it throws.
std::function<std::shared_ptr<Connection>()> tls_connection_maker(boost::asio::io_context& io,
                                                                  const CollectorConfig& config);

}  // namespace ctflow
