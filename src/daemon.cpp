// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon.hpp"

#include <csignal>
#include <ctime>

#include "encode/ipfix.hpp"
#include "encode/netflow9.hpp"
#include "enrich/constant_interfaces.hpp"
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

Pipeline make_pipeline(boost::asio::io_context& io, const Config& config, bool extras) {
  std::vector<std::unique_ptr<Enricher>> enrichers;
  enrichers.push_back(std::make_unique<ConstantInterfaces>(config.interfaces));
  std::vector<std::unique_ptr<Exporter>> exporters;
  for (const CollectorConfig& collector : config.collectors) {
    check_active_timeout(collector, config.source);
    exporters.push_back(std::make_unique<Exporter>(collector, make_encoder(collector, extras),
                                                   std::make_unique<UdpTransport>(io, collector)));
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
      pipeline_(make_pipeline(io, config, extras)) {}

int Daemon::run(FlowSource& source) {
  source_ = &source;
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    log::info("stopping signal={}", signal);
    io_.stop();
  });
  const bool ran = succeeds([&] {
    constexpr std::chrono::milliseconds kLongestWait{300};  // the receive buffer bridges that
    start_when_resolved(std::chrono::steady_clock::now() + kLongestWait);
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

void Daemon::start_when_resolved(std::chrono::steady_clock::time_point latest) {
  if (lookup_running() && std::chrono::steady_clock::now() < latest) {
    constexpr std::chrono::milliseconds kPoll{10};
    start_timer_.expires_after(kPoll);
    start_timer_.async_wait([this, latest](const boost::system::error_code& error) {
      if (!error) start_when_resolved(latest);
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
  const SourceCounters& source = source_->counters();
  log::info(
      "stopped created={} ended={} already_reported={} reports={} reports_skipped={} entries={} "
      "entries_skipped={} no_room={} existing_adopted={} existing_skipped={} reconciled={} "
      "malformed={} foreign={} overruns={} exported={} lost_no_counters={} sessions={} "
      "end_from_packets={} "
      "end_from_dump={} end_from_timeout={} end_from_event={}",
      source.created, source.ended, source.already_reported, source.reports, source.reports_skipped,
      source.entries, source.entries_skipped, source.no_room, source.existing_adopted,
      source.existing_skipped, source.reconciled, source.malformed, source.foreign, source.overruns,
      pipeline_.counters().exported, pipeline_.counters().lost_no_counters,
      pipeline_.counters().sessions, source.end_from_packets, source.end_from_dump,
      source.end_from_timeout, source.end_from_event);
}

}  // namespace ctflow
