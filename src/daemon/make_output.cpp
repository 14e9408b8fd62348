// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/make_output.hpp"

#include <ctime>
#include <utility>

#include "connection_log/make_connection_log.hpp"
#include "daemon/sqlite_outputs.hpp"
#include "encode/ipfix.hpp"
#include "encode/netflow5.hpp"
#include "encode/netflow9.hpp"
#include "export/datagram_exporter.hpp"
#include "export/observation_domain.hpp"
#include "export/profile.hpp"
#include "export/session_exporter.hpp"
#include "postgresql/make_row_log.hpp"
#include "transport/make_transport.hpp"

namespace ctflow {
namespace {

/// When this host started, by today's wall clock.
TimePoint boot_time() {
  timespec uptime{};
  clock_gettime(CLOCK_BOOTTIME, &uptime);
  return TimePoint(std::chrono::system_clock::now()) - std::chrono::seconds(uptime.tv_sec) -
         std::chrono::nanoseconds(uptime.tv_nsec);
}

std::unique_ptr<Encoder> make_encoder(const CollectorConfig& config, bool extras) {
  EncoderOptions options;
  options.observation_domain = config.observation_domain.value();
  options.exporting_process = observation_domain_from(config.name);
  options.zones = config.zones;
  options.extras = extras;
  options.packet_properties = config.packet_properties;
  options.next_hop = config.next_hop;
  options.layout = row_of(config.profile).layout;
  options.elements = config.elements;
  options.enterprise_number = config.enterprise_number;
  if (config.protocol == Protocol::kNetflow9) {
    return std::make_unique<Netflow9Encoder>(options, boot_time());
  }
  if (config.protocol == Protocol::kNetflow5) {
    return std::make_unique<Netflow5Encoder>(options, boot_time());
  }
  return std::make_unique<IpfixEncoder>(options);
}

std::unique_ptr<Output> make_exporter(boost::asio::io_context& io, const CollectorConfig& config,
                                      const std::shared_ptr<const OutputContext>& context,
                                      bool extras) {
  auto encoder = make_encoder(config, extras);
  if (config.transport == TransportKind::kUdp) {
    return std::make_unique<DatagramExporter>(config, std::move(encoder),
                                              make_datagram_transport(io, config), context);
  }
  const auto make_transport = [&](ExportLedger& ledger) {
    return make_session_transport(io, config, ledger);
  };
  return std::make_unique<SessionExporter>(config, std::move(encoder), make_transport, context);
}

std::unique_ptr<Output> make_log(boost::asio::io_context& io, const ConnectionLogConfig& config,
                                 const std::shared_ptr<const OutputContext>& context) {
  if (config.to == LogDestination::kPostgresql) return make_row_log(io, config, context);
  return make_connection_log(io, config, context);
}

}  // namespace

std::vector<OutputConfig> outputs_of(const Config& config) {
  std::vector<OutputConfig> outputs;
  for (CollectorConfig collector : config.collectors) {
    collector.filter.clear();
    outputs.emplace_back(std::move(collector));
  }
  for (ConnectionLogConfig log : config.log_connections) {
    log.filter.clear();
    outputs.emplace_back(std::move(log));
  }
  if (config.nat_log.enabled()) outputs.emplace_back(config.nat_log);
  if (config.accounting.enabled()) outputs.emplace_back(config.accounting);
  return outputs;
}

std::unique_ptr<Output> make_output(boost::asio::io_context& io, const OutputConfig& config,
                                    const std::shared_ptr<const OutputContext>& context,
                                    const Capabilities& measured, const NetworkNamespace& home,
                                    const SourceConfig& source,
                                    const std::shared_ptr<const NeighbourMirror>& neighbours) {
  if (const auto* log = std::get_if<ConnectionLogConfig>(&config)) {
    return make_log(io, *log, context);
  }
  if (const auto* const nat_log = std::get_if<NatLogConfig>(&config)) {
    return make_nat_log(*nat_log, context, home, source, measured);
  }
  if (const auto* const one = std::get_if<AccountingConfig>(&config)) {
    return make_accounting(*one, context, home, source, neighbours);
  }
  return make_exporter(io, std::get<CollectorConfig>(config), context, measured.possible());
}

}  // namespace ctflow
