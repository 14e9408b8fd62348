// SPDX-License-Identifier: GPL-2.0-or-later
// TLS over TCP. Only with CTFLOWD_TLS.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "ctflow/config.hpp"
#include "transport/stream/connection.hpp"

namespace ctflow {

/// Reads the files of `config.tls`; throws TlsFileError.
std::shared_ptr<Connection> make_tls_connection(boost::asio::io_context& io,
                                                const CollectorConfig& config);

}  // namespace ctflow
