// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/make_transport.hpp"

#include "transport/ipfix_file.hpp"
#include "transport/stream/stream.hpp"
#include "transport/stream/tls_connection.hpp"
#include "transport/udp.hpp"

namespace ctflow {

Dialer::Make connection_maker(boost::asio::io_context& io, const CollectorConfig& config) {
  if (config.transport == TransportKind::kTls) return tls_connection_maker(io, config);
  return [&io] { return make_tcp_connection(io); };
}

std::unique_ptr<SessionTransport> make_line_transport(boost::asio::io_context& io,
                                                      const CollectorConfig& settings,
                                                      ExportLedger& ledger) {
  return std::make_unique<StreamTransport>(
      io, settings, [&io] { return make_tcp_connection(io); }, ledger, Backoff(), system_now,
      Framing::kLines);
}

std::unique_ptr<DatagramTransport> make_datagram_transport(boost::asio::io_context& io,
                                                           const CollectorConfig& config) {
  return std::make_unique<UdpTransport>(io, config);
}

std::unique_ptr<SessionTransport> make_session_transport(boost::asio::io_context& io,
                                                         const CollectorConfig& config,
                                                         ExportLedger& ledger) {
  if (config.transport == TransportKind::kFile) {
    return std::make_unique<IpfixFileTransport>(io, config, ledger);
  }
  return std::make_unique<StreamTransport>(io, config, connection_maker(io, config), ledger);
}

}  // namespace ctflow
