// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "ctflow/config.hpp"
#include "ctflow/transport.hpp"
#include "transport/stream/dialer.hpp"

namespace ctflow {

/// The transport that `config.transport` asks for.
std::unique_ptr<Transport> make_transport(boost::asio::io_context& io,
                                          const CollectorConfig& config);

/// Makes the connections of a collector with `transport: tcp` or `tls`. `io` must outlive them.
Dialer::Make connection_maker(boost::asio::io_context& io, const CollectorConfig& config);

}  // namespace ctflow
