// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>

#include "encode/ipfix.hpp"
#include "encode/netflow9.hpp"
#include "enrich/constant_interfaces.hpp"
#include "enrich/routed_interfaces.hpp"
#include "enrich/routing_mirror.hpp"
#include "export/observation_domain.hpp"
#include "observe/log.hpp"
#include "transport/udp.hpp"

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
  options.observation_domain =
      config.observation_domain.value_or(observation_domain_from(host_identity()));
  options.zones = config.zones;
  options.extras = extras;
  options.packet_properties = config.packet_properties;
  options.next_hop = config.next_hop;
  options.profile = config.profile;
  options.elements = config.elements;
  if (config.protocol == Protocol::kNetflow9) {
    return std::make_unique<Netflow9Encoder>(options, boot_time());
  }
  return std::make_unique<IpfixEncoder>(options);
}

/// Akvorado spreads nothing: what a long connection carried appears where its record does.
void check_active_timeout(const CollectorConfig& collector, const SourceConfig& source) {
  constexpr std::chrono::seconds kLongest{10};
  const bool short_enough = source.active_timeout.count() != 0 && source.active_timeout <= kLongest;
  if (collector.profile != Profile::kAkvorado || short_enough) return;
  log::warn(
      "active_timeout_long collector={} means=\"Akvorado shows long connections as bursts\" "
      "mend=\"set source.active_timeout to 10s\"",
      collector.name);
}

/// The mirror of the kernel's routing if the configuration wants it. Null, and logged, when it
/// cannot be read: flows go out without it.
std::unique_ptr<RoutingMirror> make_mirror(boost::asio::io_context& io, const Config& config) {
  const bool names = std::any_of(config.collectors.begin(), config.collectors.end(),
                                 [](const CollectorConfig& one) { return one.interface_names; });
  if (config.interfaces.lookup == InterfaceLookup::kConstant && !names) return nullptr;
  try {
    return std::make_unique<RoutingMirror>(io);
  } catch (const std::system_error& error) {
    log::warn("routes_unavailable error={}", log::quoted(error.what()));
    return nullptr;
  }
}

Pipeline make_pipeline(boost::asio::io_context& io, const Config& config, bool extras,
                       const RoutingMirror* mirror, InterfaceCounters& counters) {
  std::vector<std::unique_ptr<Enricher>> enrichers;
  if (mirror != nullptr && config.interfaces.lookup == InterfaceLookup::kRoutes) {
    enrichers.push_back(std::make_unique<RoutedInterfaces>(
        [mirror]() -> const RoutingState& { return mirror->state(); }, config.interfaces,
        counters));
  } else {
    enrichers.push_back(std::make_unique<ConstantInterfaces>(config.interfaces));
  }
  std::vector<std::unique_ptr<Exporter>> exporters;
  for (const CollectorConfig& collector : config.collectors) {
    check_active_timeout(collector, config.source);
    exporters.push_back(std::make_unique<Exporter>(collector, make_encoder(collector, extras),
                                                   std::make_unique<UdpTransport>(io, collector)));
    if (collector.interface_names && mirror != nullptr) {
      exporters.back()->tell_interface_names(mirror->names());
    }
  }
  return {std::move(enrichers), std::move(exporters)};
}

/// False, and logged, when `work` throws: what follows it must happen all the same.
template <typename Work>
bool succeeds(Work work) {
  try {
    work();
    return true;
  } catch (const std::exception& error) {
    log::error("failed error={}", log::quoted(error.what()));
    return false;
  }
}

}  // namespace

Daemon::Daemon(boost::asio::io_context& io, const Config& config, bool extras)
    : io_(io),
      signals_(io, SIGTERM, SIGINT),
      start_timer_(io),
      timer_(io),
      mirror_(make_mirror(io, config)),
      pipeline_(make_pipeline(io, config, extras, mirror_.get(), interface_counters_)) {}

Daemon::~Daemon() = default;

int Daemon::run(FlowSource& source) {
  source_ = &source;
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    log::info("stopping signal={}", signal);
    io_.stop();
  });
  const bool ran = succeeds([&] {
    constexpr std::chrono::milliseconds kLongestWait{300};  // the receive buffer bridges that
    if (mirror_) {
      mirror_->on_names_changed([this] { arm_timer(); });
      mirror_->start();
    }
    start_when_ready(std::chrono::steady_clock::now() + kLongestWait);
    io_.run();
  });
  const bool drained = succeeds([&] {
    if (!started_) start();  // the kernel has queued events since the socket was opened
    source.stop();
  });
  pipeline_.flush();
  log_totals();
  return ran && drained ? 0 : 1;
}

void Daemon::start_when_ready(std::chrono::steady_clock::time_point latest) {
  const bool waiting = lookup_running() || (mirror_ && !mirror_->loaded());
  if (waiting && std::chrono::steady_clock::now() < latest) {
    constexpr std::chrono::milliseconds kPoll{10};
    start_timer_.expires_after(kPoll);
    start_timer_.async_wait([this, latest](const boost::system::error_code& error) {
      if (!error) start_when_ready(latest);
    });
    return;
  }
  start();
}

void Daemon::start() {
  started_ = true;
  for (const auto& exporter : pipeline_.exporters()) {
    log::info("exporting collector={} peer={}", exporter->name(), exporter->transport().peer());
  }
  pipeline_.tick();  // templates, before the first flow
  arm_timer();
  source_->start(*this);
  log::info("started version={}", CTFLOWD_VERSION);
}

void Daemon::on_source_end() { io_.stop(); }

void Daemon::arm_timer() {
  if (!started_) return;
  const Exporter::Deadline deadline = pipeline_.deadline();
  if (deadline == armed_) return;
  armed_ = deadline;
  timer_.expires_at(deadline);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    armed_ = Exporter::Deadline::max();
    pipeline_.tick();
    arm_timer();
  });
}

bool Daemon::lookup_running() const {
  for (const auto& exporter : pipeline_.exporters()) {
    if (exporter->transport().lookup_running()) return true;
  }
  return false;
}

void Daemon::log_totals() const {
  for (const auto& exporter : pipeline_.exporters()) {
    const ExporterCounters& counters = exporter->counters();
    log::info(
        "collector_totals collector={} offered={} messages={} flows={} records={} packets={} "
        "octets={} "
        "refusals={} lost_messages={} lost_would_block={} lost_unresolved={} lost_send_error={}",
        exporter->name(), counters.offered, counters.messages, counters.flows, counters.records,
        counters.packets, counters.octets, exporter->transport().refusals(), counters.lost_messages,
        counters.lost_would_block, counters.lost_unresolved, counters.lost_send_error);
  }
  if (mirror_) log_interface_totals();
  const SourceCounters& source = source_->counters();
  log::info(
      "stopped created={} ended={} already_reported={} reports={} reports_skipped={} entries={} "
      "entries_skipped={} no_room={} existing_adopted={} existing_skipped={} reconciled={} "
      "malformed={} foreign={} overruns={} lost_overrun={} retried={} exported={} "
      "lost_no_counters={} sessions={} "
      "end_from_packets={} "
      "end_from_dump={} end_from_timeout={} end_from_event={}",
      source.created, source.ended, source.already_reported, source.reports, source.reports_skipped,
      source.entries, source.entries_skipped, source.no_room, source.existing_adopted,
      source.existing_skipped, source.reconciled, source.malformed, source.foreign, source.overruns,
      source.lost_overrun, source.retried, pipeline_.counters().exported,
      pipeline_.counters().lost_no_counters, pipeline_.counters().sessions, source.end_from_packets,
      source.end_from_dump, source.end_from_timeout, source.end_from_event);
}

void Daemon::log_interface_totals() const {
  const InterfaceCounters& found = interface_counters_;
  const RoutingCounters& routing = mirror_->counters();
  log::info(
      "interface_totals from_kernel={} from_routes={} from_settings={} unknown={} undecided={} "
      "route_changes={} route_resyncs={} route_overruns={} route_malformed={} route_foreign={}",
      found.from_kernel, found.from_routes, found.from_settings, found.unknown, found.undecided,
      routing.changes, routing.resyncs, routing.overruns, routing.malformed, routing.foreign);
}

}  // namespace ctflow
