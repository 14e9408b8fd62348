// SPDX-License-Identifier: GPL-2.0-or-later
// The transport that a collector's configuration asks for.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "ctflow/config.hpp"
#include "ctflow/transport.hpp"
#include "ledger/export_ledger.hpp"
#include "transport/stream/dialer.hpp"

namespace ctflow {

/// With `transport: udp`.
std::unique_ptr<DatagramTransport> make_datagram_transport(boost::asio::io_context& io,
                                                           const CollectorConfig& config);

/// With `transport: tcp`, `tls` and `file`. `ledger` must outlive it.
std::unique_ptr<SessionTransport> make_session_transport(boost::asio::io_context& io,
                                                         const CollectorConfig& config,
                                                         ExportLedger& ledger);

/// Whole lines of text instead of messages, over TCP or, where the address is a path, to a unix
/// socket. `ledger` must outlive it.
std::unique_ptr<SessionTransport> make_line_transport(boost::asio::io_context& io,
                                                      const CollectorConfig& settings,
                                                      ExportLedger& ledger);

/// Makes the connections of a collector with `transport: tcp` or `tls`. `io` must outlive them.
Dialer::Make connection_maker(boost::asio::io_context& io, const CollectorConfig& config);

}  // namespace ctflow
