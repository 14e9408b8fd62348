// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/namespace_exporter.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "ctflow/clock.hpp"
#include "daemon/totals.hpp"
#include "encode/ipfix.hpp"
#include "encode/netflow9.hpp"
#include "enrich/constant_interfaces.hpp"
#include "enrich/routed_interfaces.hpp"
#include "enrich/routing/routing_mirror.hpp"
#include "export/collector_domains.hpp"
#include "export/collector_status.hpp"
#include "export/observation_domain.hpp"
#include "export/profile.hpp"
#include "netlink/configured_namespaces.hpp"
#include "netlink/conntrack_settings.hpp"
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
  if (config.protocol == Protocol::kNetflow9) {
    return std::make_unique<Netflow9Encoder>(options, boot_time());
  }
  return std::make_unique<IpfixEncoder>(options);
}

/// Whether the kernel's routing has to be read.
bool asks_routes(const Config& config) {
  const bool names = std::any_of(config.collectors.begin(), config.collectors.end(),
                                 [](const CollectorConfig& one) { return one.interface_names; });
  return config.interfaces.lookup == InterfaceLookup::kRoutes || names;
}

NetworkNamespace open_namespace(const NamespaceConfig* which) {
  return which == nullptr ? NetworkNamespace() : NetworkNamespace(file_of(*which));
}

bool any_lookup_running(const Pipeline::Exporters& exporters) {
  return std::any_of(exporters.begin(), exporters.end(), [](const auto& exporter) {
    return exporter && exporter->transport().lookup_running();
  });
}

}  // namespace

NamespaceExporter::Change::Change() = default;
NamespaceExporter::Change::Change(Change&&) noexcept = default;
NamespaceExporter::Change& NamespaceExporter::Change::operator=(Change&&) noexcept = default;
NamespaceExporter::Change::~Change() = default;

void NamespaceExporter::Change::begin() const {
  if (mirror) mirror->start();
}

bool NamespaceExporter::Change::waiting() const {
  return any_lookup_running(fresh) || (mirror && !mirror->loaded());
}

NamespaceExporter::NamespaceExporter(boost::asio::io_context& io, const Config& config,
                                     const NamespaceConfig* which, const MakeSource& make_source,
                                     Check check)
    : io_(io),
      name_(which == nullptr ? "" : which->name),
      domain_(which == nullptr ? std::nullopt : which->observation_domain),
      zones_(which == nullptr ? std::vector<std::uint64_t>{} : which->zones),
      check_(std::move(check)),
      home_(open_namespace(which)),
      timer_(io),
      own_traffic_timer_(io),
      pipeline_({}, {}),
      retired_(io) {
  {
    const auto visit = home_.visit();
    source_ = make_source(own(config), home_);
  }
  Change first = prepare(config);
  first.begin();
  adopt(std::move(first));
}

NamespaceExporter::~NamespaceExporter() = default;

/// What the configuration means here: each namespace has its own names and Observation Domains.
Config NamespaceExporter::own(const Config& config) const {
  Config result = config;
  result.source.zones = zones_;
  const std::vector<std::uint32_t> domains =
      observation_domains(config, {name_, "", domain_}, host_identity());
  for (std::size_t i = 0; i < domains.size(); ++i) {
    CollectorConfig& collector = result.collectors[i];
    collector.observation_domain = domains[i];
    if (!name_.empty()) collector.name += "@" + name_;
  }
  if (name_.empty()) return result;
  result.source.state_suffix = "." + name_;
  for (GroupConfig& group : result.groups) {
    for (std::string& member : group.collectors) member += "@" + name_;
  }
  return result;
}

/// The mirror of the kernel's routing. Null, and logged, when it cannot be read: flows go out
/// without it.
std::unique_ptr<RoutingMirror> NamespaceExporter::make_mirror(const Config& config) const {
  if (!asks_routes(config)) return nullptr;
  try {
    const auto visit = home_.visit();
    return std::make_unique<RoutingMirror>(io_);
  } catch (const std::system_error& error) {
    log::warn("routes_unavailable error={}", log::quoted(error.what()));
    return nullptr;
  }
}

Pipeline::Enrichers NamespaceExporter::make_enrichers(const Config& config,
                                                      const RoutingMirror* mirror) {
  Pipeline::Enrichers enrichers;
  if (mirror != nullptr && config.interfaces.lookup == InterfaceLookup::kRoutes) {
    enrichers.push_back(std::make_unique<RoutedInterfaces>(
        [mirror]() -> const RoutingState& { return mirror->state(); }, config.interfaces,
        interface_counters_));
  } else {
    enrichers.push_back(std::make_unique<ConstantInterfaces>(config.interfaces));
  }
  return enrichers;
}

std::unique_ptr<Exporter> NamespaceExporter::make_exporter(const CollectorConfig& collector,
                                                           bool extras) const {
  return std::make_unique<Exporter>(collector, make_encoder(collector, extras),
                                    make_transport(io_, collector));
}

NamespaceExporter::Change NamespaceExporter::prepare(const Config& config) {
  Change change;
  change.config = own(config);
  if (!mirror_) {
    change.mirror = make_mirror(change.config);
  }
  change.enrichers = make_enrichers(change.config, mirror_ ? mirror_.get() : change.mirror.get());
  change.extras = source_->capabilities().possible();
  for (const CollectorConfig& collector : change.config.collectors) {
    const auto& old = config_.collectors;
    const bool stays =
        change.extras == extras_ && std::find(old.begin(), old.end(), collector) != old.end();
    change.fresh.push_back(stays ? nullptr : make_exporter(collector, change.extras));
  }
  return change;
}

/// The exporters of the new configuration; those that are not in it any more send what they have.
Pipeline::Exporters NamespaceExporter::take_over(Pipeline::Exporters& old,
                                                 Pipeline::Exporters& fresh, const Config& config) {
  Pipeline::Exporters all;
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    if (fresh[i]) {
      fresh[i]->ask_upstream([this] { return losses(); });
      all.push_back(std::move(fresh[i]));
      continue;
    }
    const auto same = std::find_if(old.begin(), old.end(), [&](const auto& exporter) {
      return exporter && exporter->config() == config.collectors[i];
    });
    all.push_back(std::move(*same));
  }
  for (auto& exporter : old) {
    if (exporter) retired_.add(std::move(exporter));
  }
  return all;
}

UpstreamLosses NamespaceExporter::losses() const {
  const SourceCounters& source = source_->counters();
  return {source.lost_overrun + pipeline_.counters().lost_no_counters + source.counters_fell,
          source.ignored_packets, source.ignored_octets};
}

void NamespaceExporter::adopt(Change change) {
  if (change.mirror) {
    mirror_ = std::move(change.mirror);
    mirror_->on_names_changed([this] { arm_timer(); });
  }
  pipeline_.replace(
      std::move(change.enrichers),
      [&](Pipeline::Exporters& old) { return take_over(old, change.fresh, change.config); },
      change.config.groups);
  if (mirror_) {
    for (const auto& exporter : pipeline_.exporters()) {
      if (exporter->config().interface_names) exporter->export_interface_names(mirror_->names());
    }
  }
  config_ = std::move(change.config);
  extras_ = change.extras;
  source_->set_nat_events(wants_nat_events(config_));
  if (!started_) return;
  compared_ = false;
  check();
  watch_own_traffic();
  pipeline_.tick();  // templates, before the next flow
  arm_timer();
}

bool NamespaceExporter::waiting() const {
  return lookup_running() || (mirror_ && !mirror_->loaded());
}

bool NamespaceExporter::lookup_running() const { return any_lookup_running(pipeline_.exporters()); }

void NamespaceExporter::start() {
  started_ = true;
  for (const auto& exporter : pipeline_.exporters()) {
    log::info("exporting collector={} peer={}", exporter->name(), exporter->transport().peer());
  }
  pipeline_.tick();  // templates, before the first flow
  arm_timer();
  check();
  watch_own_traffic();
  source_->start(*this);
}

void NamespaceExporter::watch_own_traffic() {
  constexpr std::chrono::seconds kInterval{5};  // for names that are looked up, routes that change
  if (config_.source.own_traffic == OwnTraffic::kInclude) return;
  std::vector<OwnConnections::Peer> peers;
  for (const auto& exporter : pipeline_.exporters()) {
    peers.push_back({exporter->config(), exporter->transport().peer()});
  }
  if (own_connections_.update(peers)) source_->set_own_traffic(own_connections_.all());
  own_traffic_timer_.after(kInterval, [this] { watch_own_traffic(); });
}

void NamespaceExporter::stop() {
  if (!started_) start();  // the kernel has queued events since the socket was opened
  own_traffic_timer_.cancel();
  source_->stop();
}

void NamespaceExporter::leave(RetiredExporters& heirs) {
  if (!started_) start();
  own_traffic_timer_.cancel();
  source_->close();
  pipeline_.flush();
  if (mirror_) log_interface_totals(name_, interface_counters_, mirror_->counters());
  log_source_totals(name_, source_->counters(), pipeline_.counters());
  retired_.finish();  // those of an earlier reload
  pipeline_.replace({},
                    [&](Pipeline::Exporters& old) {
                      for (auto& exporter : old) {
                        exporter->keep_answers();
                        heirs.add(std::move(exporter));
                      }
                      return Pipeline::Exporters{};
                    },
                    {});
}

bool NamespaceExporter::busy() const {
  return retired_.busy() ||
         std::any_of(pipeline_.exporters().begin(), pipeline_.exporters().end(),
                     [](const auto& exporter) { return exporter->transport().busy(); });
}

void NamespaceExporter::finish() {
  retired_.finish();
  for (const auto& exporter : pipeline_.exporters()) exporter->stop();
}

void NamespaceExporter::on_source_end() {
  if (ended) ended();
}

void NamespaceExporter::check() const {
  if (!check_) return;
  const auto visit = home_.visit();
  check_(config_.source);
}

/// Once all names have addresses, that is after the start as a rule.
void NamespaceExporter::compare_peers() {
  if (compared_ || lookup_running()) return;
  compared_ = true;
  warn_of_shared_domains(pipeline_.exporters());
}

void NamespaceExporter::arm_timer() {
  if (!started_) return;
  compare_peers();
  const MonoTime deadline = pipeline_.deadline();
  if (deadline == armed_) return;
  armed_ = deadline;
  timer_.at(deadline, [this] {
    armed_ = MonoTime::max();
    pipeline_.tick();
    arm_timer();
  });
}

void NamespaceExporter::log_totals() const {
  for (const auto& exporter : pipeline_.exporters()) log_collector_totals(*exporter);
  if (mirror_) log_interface_totals(name_, interface_counters_, mirror_->counters());
  log_source_totals(name_, source_->counters(), pipeline_.counters());
}

namespace {

GroupStatus status_of(const CollectorGroup& group) {
  const bool shared = group.config().mode == GroupMode::kBalance;
  return {group.config().name, group.config().mode, shared ? "" : group.active().name(),
          group.switches()};
}

const char* patch_state(const Capabilities& measured) {
  if (measured.origin != MeasurementOrigin::kKernelPatch) return "absent";
  return measured.active() ? "on" : "off";
}

}  // namespace

NamespaceStatus NamespaceExporter::status() const {
  NamespaceStatus status;
  status.name = name_;
  status.source = source_->counters();
  status.kernel = source_->status();
  status.pipeline = pipeline_.counters();
  status.interfaces = interface_counters_;
  if (mirror_) {
    const RoutingState& state = mirror_->state();
    status.routing = {mirror_->counters(), state.routes(), state.rules(), state.memory()};
  }
  const Instant now = system_now();
  for (const auto& exporter : pipeline_.exporters()) {
    status.collectors.push_back(collector_status(*exporter, now));
  }
  for (const CollectorGroup& group : pipeline_.groups()) {
    status.groups.push_back(status_of(group));
    for (const std::string& member : group.config().collectors) {
      for (CollectorStatus& collector : status.collectors) {
        if (collector.name == member) collector.group = group.config().name;
      }
    }
  }
  const auto visit = home_.visit();
  status.table_entries = table_size();
  status.table_limit = table_limit();
  status.kernel_patch = patch_state(status.kernel.capabilities);
  return status;
}

}  // namespace ctflow
