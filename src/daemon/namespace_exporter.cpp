// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/namespace_exporter.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "ctflow/clock.hpp"
#include "daemon/make_output.hpp"
#include "daemon/totals.hpp"
#include "enrich/constant_interfaces.hpp"
#include "enrich/mac_addresses.hpp"
#include "enrich/named_users.hpp"
#include "enrich/neighbours/neighbour_mirror.hpp"
#include "enrich/network_origins.hpp"
#include "enrich/routed_interfaces.hpp"
#include "enrich/routing/routing_mirror.hpp"
#include "event_loop/rounds.hpp"
#include "export/collector_domains.hpp"
#include "export/observation_domain.hpp"
#include "netlink/configured_namespaces.hpp"
#include "netlink/conntrack_settings.hpp"

namespace ctflow {
namespace {

/// Whether the kernel's routing has to be read.
bool asks_routes(const Config& config) {
  const bool names = std::any_of(config.collectors.begin(), config.collectors.end(),
                                 [](const CollectorConfig& one) { return one.interface_names; });
  return config.interfaces.lookup == InterfaceLookup::kRoutes || names ||
         !config.log_connections.empty() || config.accounting.enabled() ||
         filters_name_interfaces(config);
}

/// Whether the kernel's neighbour tables have to be followed.
bool asks_neighbours(const Config& config) {
  const bool devices =
      config.accounting.enabled() && config.accounting.counts_by(AccountingKey::kDevice);
  return config.enrich.neighbours && (devices || asks_mac_addresses(config));
}

NetworkNamespace open_namespace(const NamespaceConfig* which) {
  return which == nullptr ? NetworkNamespace() : NetworkNamespace(file_of(*which));
}

bool any_lookup_running(const Pipeline::Outputs& outputs) {
  return std::any_of(outputs.begin(), outputs.end(),
                     [](const auto& output) { return output && output->lookup_running(); });
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

void NamespaceExporter::Change::give_up() {
  for (auto& output : fresh) {
    if (!output) continue;
    const ExporterCounters now = output->status(system_now()).counters;
    if (now.messages + now.recovered.messages == 0) continue;
    output->stop();
    log_output_totals(output->status(system_now()));
  }
  fresh.clear();
}

NamespaceExporter::NamespaceExporter(boost::asio::io_context& io, const Config& config,
                                     const NamespaceConfig* which, const MakeSource& make_source,
                                     const Databases& databases, Check check)
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
  context_->answer_losses([this] { return losses(); });
  context_->answer_events_off([this] { return events_off(); });
  context_->answer_source([this] { return source_->status(); });
  context_->on_peers_changed([this] {
    if (started_) watch_own_traffic();
  });
  {
    const auto visit = home_.visit();
    source_ = make_source(io, own(config), home_);
  }
  Change first = prepare(config, databases);
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
  for (ConnectionLogConfig& log : result.log_connections) {
    log.observation_domain = namespace_domain({name_, "", domain_}, host_identity());
    log.network_namespace = name_;
    if (name_.empty()) continue;
    log.name += "@" + name_;
    if (log.to == LogDestination::kFile) log.path += "." + name_;  // each has a file of its own
  }
  if (name_.empty()) return result;
  result.source.state_suffix = "." + name_;
  result.nat_log.network_namespace = name_;
  result.accounting.network_namespace = name_;
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

/// Those that are followed now, where there are some. Null, and logged, when they cannot be
/// followed: flows go out without MAC addresses.
std::shared_ptr<const NeighbourMirror> NamespaceExporter::neighbours_for(
    const Config& config) const {
  if (!asks_neighbours(config)) return nullptr;
  if (neighbours_) return neighbours_;
  try {
    return std::make_shared<NeighbourMirror>(io_, home_);
  } catch (const std::system_error& error) {
    log::warn(
        "neighbours_unavailable error={} impact=\"MAC addresses of hosts are unknown\" "
        "fix=\"restart ctflowd once netlink sockets can be opened\"",
        log::quoted(error.what()));
    return nullptr;
  }
}

Pipeline::Enrichers NamespaceExporter::make_enrichers(const Change& change,
                                                      const Databases& databases) {
  const Config& config = change.config;
  const RoutingMirror* const mirror = mirror_ ? mirror_.get() : change.mirror.get();
  Pipeline::Enrichers enrichers;
  if (mirror != nullptr && config.interfaces.lookup == InterfaceLookup::kRoutes) {
    enrichers.push_back(std::make_unique<RoutedInterfaces>(
        [mirror]() -> const RoutingState& { return mirror->state(); }, config.interfaces,
        interface_counters_));
  } else {
    enrichers.push_back(
        std::make_unique<ConstantInterfaces>(config.interfaces, interface_counters_));
  }
  if (change.neighbours && asks_mac_addresses(config)) {
    enrichers.push_back(std::make_unique<MacAddresses>(
        [all = change.neighbours]() -> const Neighbours& { return all->table(); }));
  }
  if (!databases->empty()) enrichers.push_back(std::make_unique<NetworkOrigins>(databases));
  if (asks_user_names(config)) enrichers.push_back(std::make_unique<NamedUsers>(databases));
  return enrichers;
}

NamespaceExporter::Change NamespaceExporter::prepare(const Config& config,
                                                     const Databases& databases) {
  Change change;
  change.config = own(config);
  if (!mirror_) {
    change.mirror = make_mirror(change.config);
  }
  change.neighbours = neighbours_for(change.config);
  change.enrichers = make_enrichers(change, databases);
  const Capabilities measured = source_->capabilities();
  change.extras = measured.possible();
  change.filters = make_filters(change.config, context_);
  const std::vector<OutputConfig> old = outputs_of(config_);
  for (const OutputConfig& one : outputs_of(change.config)) {
    // Lines and rows have no extras: what waits for a log stays.
    const bool same = change.extras == extras_ || std::holds_alternative<ConnectionLogConfig>(one);
    const bool stays = same && std::find(old.begin(), old.end(), one) != old.end();
    change.fresh.push_back(stays ? nullptr
                                 : make_output(io_, one, context_, measured, home_,
                                               change.config.source, change.neighbours));
  }
  return change;
}

/// The outputs of the new configuration; those that are not in it any more send what they have.
Pipeline::Outputs NamespaceExporter::take_over(Pipeline::Outputs fresh, const Config& config) {
  Pipeline::Outputs old = pipeline_.release();
  const std::vector<OutputConfig> before = outputs_of(config_);
  const std::vector<OutputConfig> wanted = outputs_of(config);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    if (fresh[i]) continue;
    const auto same = std::find(before.begin(), before.end(), wanted[i]) - before.begin();
    fresh[i] = std::move(old[static_cast<std::size_t>(same)]);
  }
  for (auto& output : old) {
    if (output) retired_.add(std::move(output));
  }
  return fresh;
}

UpstreamLosses NamespaceExporter::losses() const {
  const SourceCounters& source = source_->counters();
  const std::uint64_t records = source.lost_ends + source.lost_beginnings;
  const bool wire = config_.source.wire_counters;  // conntrack's own have those packets
  return {
      source.lost_overrun + records + pipeline_.counters().lost_no_counters + source.counters_fell,
      source.ignored_packets + (wire ? source.unmeasured_packets : 0), source.ignored_octets,
      // Beginnings do not come again by themselves, as ends do (reliable delivery).
      source.overruns + source.lost_overrun + records + source.malformed + source.retried,
      source.lost_overrun + records, pipeline_.counters().lost_no_counters, source.counters_fell,
      source.fallen_packets, source.reconciled,
      // Not met in two scans, two per active timeout, and not reported for one before.
      3 * config_.source.active_timeout};
}

bool NamespaceExporter::events_off() const {
  if (source_->capabilities().ends) return false;  // as records, whatever the events do
  const auto visit = home_.visit();
  return conntrack_setting(kSettingsDirectory, "nf_conntrack_events") == 0U;
}

void NamespaceExporter::adopt(Change change) {
  if (started_) source_->catch_up();  // by what is configured until now
  if (change.mirror) {
    mirror_ = std::move(change.mirror);
    context_->set_interface_names(mirror_->names());
    mirror_->on_names_changed([this] { arm_timer(); });
  }
  pipeline_.reopen();  // logrotate may use the signal of a reload
  Pipeline::Outputs outputs = take_over(std::move(change.fresh), change.config);
  give_filters(outputs, std::move(change.filters));
  pipeline_.replace(std::move(change.enrichers), std::move(outputs), change.config.groups);
  neighbours_ = std::move(change.neighbours);
  config_ = std::move(change.config);
  extras_ = change.extras;
  source_->set_nat_events(pipeline_.wants().has(FlowKinds::beginnings()));
  source_->set_every_end(pipeline_.wants().has(FlowKinds::empty_ends()));
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

bool NamespaceExporter::lookup_running() const { return any_lookup_running(pipeline_.outputs()); }

void NamespaceExporter::start() {
  started_ = true;
  for (const auto& output : pipeline_.outputs()) {
    const OutputStatus status = output->status(system_now());
    log::info("exporting {}={} peer={}", log_key(status.details), status.name, status.peer);
  }
  pipeline_.tick();  // templates, before the first flow
  arm_timer();
  check();
  watch_own_traffic();
  source_->start(*this);
}

void NamespaceExporter::watch_own_traffic() {
  // For names that are looked up, and routes that change. Brokers are heard of at once: a
  // connection to one is begun when there is a line for it.
  constexpr std::chrono::seconds kInterval{5};
  if (config_.source.own_traffic == OwnTraffic::kInclude) return;
  std::vector<RemotePeer> all;
  for (const auto& output : pipeline_.outputs()) {
    std::vector<RemotePeer> peers = output->peers();
    std::move(peers.begin(), peers.end(), std::back_inserter(all));
  }
  if (own_connections_.update(all)) source_->set_own_traffic(own_connections_.all());
  own_traffic_timer_.at(next_round(kInterval), [this] { watch_own_traffic(); });
}

void NamespaceExporter::stop() {
  if (!started_) start();  // the kernel has queued events since the socket was opened
  context_->on_peers_changed(nullptr);
  own_traffic_timer_.cancel();
  source_->stop();
}

void NamespaceExporter::leave(RetiredOutputs& heirs) {
  try {
    if (!started_) start();
    source_->close();
  } catch (const std::exception& error) {  // what the outputs have is not lost uncounted
    log::error("failed error={}", log::quoted(error.what()));
  }
  own_traffic_timer_.cancel();
  pipeline_.flush();
  log_interface_totals(name_, interface_counters_,
                       mirror_ ? mirror_->counters() : RoutingCounters());
  log_source_totals(name_, source_->counters(), pipeline_.counters());
  retired_.finish();  // those of an earlier reload
  context_->close();
  for (auto& output : pipeline_.release()) heirs.add(std::move(output));
  pipeline_.replace({}, {}, {});
}

bool NamespaceExporter::busy() const {
  return retired_.busy() || std::any_of(pipeline_.outputs().begin(), pipeline_.outputs().end(),
                                        [](const auto& output) { return output->busy(); });
}

void NamespaceExporter::finish() {
  retired_.finish();
  for (const auto& output : pipeline_.outputs()) output->stop();
}

void NamespaceExporter::on_source_end() {
  if (ended) ended();
}

void NamespaceExporter::check() const {
  if (!check_) return;
  const auto visit = home_.visit();
  check_(config_.source, source_->status().capabilities);
}

/// Once all names have addresses, that is after the start as a rule.
void NamespaceExporter::compare_peers() {
  if (compared_ || lookup_running()) return;
  compared_ = true;
  std::vector<std::string> endpoints;
  endpoints.reserve(config_.collectors.size());
  for (std::size_t i = 0; i < config_.collectors.size(); ++i) {  // they are the first outputs
    const std::vector<RemotePeer> peers = pipeline_.outputs()[i]->peers();
    endpoints.push_back(peers.empty() ? "" : peers.front().endpoint);
  }
  warn_of_shared_domains(config_.collectors, endpoints);
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

}  // namespace ctflow
