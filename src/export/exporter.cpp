// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/exporter.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "ctflow/clock.hpp"
#include "encode/encoded_flows.hpp"
#include "encode/flow_records.hpp"
#include "encode/netflow5.hpp"
#include "encode/record_format.hpp"
#include "export/unknown_interfaces.hpp"

namespace ctflow {
namespace {

/// Pause before templates that could not be sent are tried again while there is no flow to send.
constexpr std::chrono::seconds kRetry{1};

/// Pause between templates sent only to see whether an unhealthy collector takes them.
constexpr std::chrono::seconds kProbe{5};

/// Statistics are sent no more often: some collectors log each message of options as an error.
constexpr std::chrono::seconds kStatistics{300};

}  // namespace

Exporter::Exporter(const CollectorConfig& config, const MessagePlan& plan,
                   std::unique_ptr<Encoder> encoder, std::shared_ptr<const OutputContext> context,
                   Clock clock)
    : Output("collector", config.name, row_of(config.profile).wants),
      config_(config),
      profile_(&row_of(config.profile)),
      plan_(plan),
      encoder_(std::move(encoder)),
      context_(std::move(context)),
      clock_(std::move(clock)),
      buffer_(config.max_message_size),
      takes_all_as_is_(config.protocol != Protocol::kNetflow5 &&
                       !profile_->fills_unknown_interfaces),
      templates_owed_(plan.templates),
      statistics_sent_(clock_().steady) {
  follow_names();
}

void Exporter::follow_names() {
  if (!config_.interface_names) return;
  const InterfaceNames* known = context_->interface_names();
  if (known == nullptr) {
    names_.reset();
  } else if (!names_ || &names_->names() != known) {
    names_.emplace(*known);
  }
}

bool Exporter::templates_due(const Instant& now) const {
  if (!plan_.templates) return false;
  const auto since = now.steady - templates_sent_;
  return templates_owed_ || since >= config_.template_interval || enough_messages(since);
}

bool Exporter::enough_messages(MonoTime::duration since) const {
  if (config_.template_messages) return messages_since_templates_ >= *config_.template_messages;
  // In a storm twenty messages are filled in milliseconds, and each repetition ends a run of
  // messages that leave together. But where a session begins, the first ones may not have got
  // beyond a neighbour that was still to be resolved.
  return messages_since_templates_ >= CollectorConfig::kTemplateMessages &&
         (!templates_repeated_ || since >= CollectorConfig::kTemplatePause);
}

OptionsKinds Exporter::options() const {
  OptionsKinds kinds = plan_.options;
  kinds.interface_names = names_.has_value();
  return kinds;
}

bool Exporter::repeats_options() const {
  const OptionsKinds& kinds = plan_.repeated;
  return kinds.sampling || kinds.statistics || (kinds.interface_names && names_);
}

bool Exporter::all_options_due(const Instant& now) const {
  const OptionsKinds kinds = options();
  if (options_owed_) return kinds.sampling || kinds.statistics || kinds.interface_names;
  return repeats_options() && now.steady - options_sent_ >= config_.options_interval;
}

bool Exporter::options_due(const Instant& now) const {
  return all_options_due(now) || (names_ && now.steady >= names_->next());
}

void Exporter::begin() {
  const std::size_t longest = std::min(buffer_.size(), longest_message());
  encoder_->begin(std::span(buffer_).first(longest));
  is_open_ = true;
}

void Exporter::send_options(const Instant& now, bool refresh) {
  // In a message of their own: Graylog stalls on a message that mixes options and flows.
  const OptionsKinds kinds = options();
  const bool all = all_options_due(now);
  const bool repeated = all && !options_owed_;
  begin();
  // Cannot fail: kMinimumMessageSize holds all of this.
  if (kinds.sampling && (all || (refresh && plan_.repeated.sampling))) {
    static_cast<void>(encoder_->add_sampling_options());
  }
  if (all) {
    options_owed_ = false;
    options_sent_ = now.steady;
  }
  if (all && statistics_due(now)) add_statistics(now);
  if (refresh) static_cast<void>(encoder_->add_options_templates(kinds));
  if (names_) {
    if (repeated && plan_.repeated.interface_names)
      names_->repeat(now.steady, config_.options_interval);
    names_->fill(now.steady, [this](std::uint32_t index, const std::string& name) {
      return encoder_->add_interface_name(index, name);
    });
  }
  const MessageContent& content = encoder_->content();
  if (content.option_records > 0 || content.templates > 0) {
    send(now);
  } else {
    is_open_ = false;  // there are no interfaces
  }
}

bool Exporter::statistics_due(const Instant& now) const {
  return config_.statistics_options && now.steady - statistics_sent_ >= kStatistics;
}

ExportStatistics Exporter::statistics() const {
  const UpstreamLosses upstream = context_->losses();
  const ExporterCounters& counters = ledger_.counters();
  ExportStatistics statistics;
  statistics.exported_messages = counters.messages;
  statistics.exported_records = counters.records;
  statistics.exported_octets = counters.message_octets;
  statistics.ignored_packets = upstream.ignored_packets;
  statistics.ignored_octets = upstream.ignored_octets;
  statistics.not_sent_flows = counters.lost_records + upstream.flows;
  statistics.not_sent_packets = counters.lost_packets;
  statistics.not_sent_octets = counters.lost_octets;
  return statistics;
}

void Exporter::add_statistics(const Instant& now) {
  const ExportStatistics statistics = this->statistics();
  statistics_sent_ = now.steady;
  not_sent_reported_ = statistics.not_sent_flows;
  // Cannot fail: kMinimumMessageSize holds them behind the sampling options.
  static_cast<void>(encoder_->add_statistics(statistics));
}

void Exporter::add_templates(const Instant& now) {
  templates_repeated_ = !std::exchange(templates_owed_, false);
  templates_sent_ = now.steady;
  encoder_->restart_templates();
  while (!encoder_->add_templates()) {
    send(now);
    begin();
  }
  messages_since_templates_ = 0;
}

void Exporter::open(const Instant& now) {
  opened_ = now.steady;
  follow_names();
  if (prepare()) meet_peer(now);
  // RFC 3954 section 7 and RFC 7011 section 8.4: over UDP Options Templates are repeated like
  // templates; the sampling rate goes with them, without which some collectors drop all flows.
  const bool refresh = templates_due(now);
  // Before the first flow message: nfdump does not count options records in its expected sequence
  // number, which does no harm in the first message of a session.
  if (refresh || options_due(now)) send_options(now, refresh);
  begin();
  if (refresh) add_templates(now);
}

void Exporter::meet_peer(const Instant& now) {
  templates_owed_ = plan_.templates;
  options_owed_ = true;
  if (names_) names_->restart(now.steady);
}

FilteredAmount Exporter::amount_of(const Flow& flow) const {
  const RecordStyle style = profile_->counts ? RecordStyle::kMirrored : RecordStyle::kNatEvent;
  const Counters sum = recorded(style, flow);
  return {1, sum.packets, sum.octets};
}

FilteredAmount Exporter::leave_out(const Flow& flow) {
  const FilteredAmount amount = amount_of(flow);
  ledger_.leave_out(amount);
  return amount;
}

void Exporter::offer(const Flow& flow, const Instant& /*now*/) {
  if (!takes_all_as_is_) return offer_after_a_look(flow);
  ledger_.offer();
  if (!is_open_ || !encoder_->add(flow)) add_to_next_message(flow);
}

[[gnu::noinline]] void Exporter::offer_after_a_look(const Flow& flow) {
  if (config_.protocol == Protocol::kNetflow5 && !Netflow5Encoder::represents(flow)) {
    ledger_.unrepresentable(amount_of(flow));
    return;
  }
  ledger_.offer();
  if (profile_->fills_unknown_interfaces && lacks_interfaces(flow)) return add_completed(flow);
  if (!is_open_ || !encoder_->add(flow)) add_to_next_message(flow);
}

/// Apart, so that others need no room for the copy.
[[gnu::noinline]] void Exporter::add_completed(const Flow& flow) {
  const Flow completed = with_interfaces(flow);
  if (!is_open_ || !encoder_->add(completed)) add_to_next_message(completed);
}

[[gnu::noinline]] void Exporter::add_to_next_message(const Flow& flow) {
  const Instant now = clock_();
  if (!is_open_) {
    open(now);
    if (encoder_->add(flow)) return;
  }
  send(now);
  open(now);
  if (encoder_->add(flow)) return;
  // Behind templates there may be no room left; an empty message always has it, though not for all
  // the records that NetFlow v5 may make of one flow report.
  do {
    send(now);
    begin();
  } while (!encoder_->add(flow));
}

void Exporter::offer_encoded(const EncodedFlows& flows) {
  ledger_.offer(flows.size());
  std::size_t next = 0;
  const auto add = [&] {
    const std::size_t added = encoder_->add_encoded(flows, next);
    next += added;
    return added > 0;
  };
  if (!is_open_) open(clock_());
  add();
  while (next < flows.size()) {
    const Instant now = clock_();
    send(now);
    open(now);
    if (add()) continue;
    // As with one flow report that has no room behind templates.
    send(now);
    begin();
    add();
  }
}

bool Exporter::has_records_of(const Exporter& other) const {
  return wants() == other.wants() &&
         fills_unknown_interfaces() == other.fills_unknown_interfaces() &&
         record_format() == other.record_format();
}

void Exporter::tick() {
  const Instant now = clock_();
  follow_names();
  if (is_open_ && now.steady - opened_ >= config_.flush_after) send(now);
  if (is_open_) return;  // what else is due goes before or with the next message
  if (templates_due(now) || options_due(now)) send_what_is_due();
}

void Exporter::send_what_is_due() {
  const Instant now = clock_();
  open(now);
  if (encoder_->content().templates > 0) {
    send(now);
  } else {
    is_open_ = false;  // only options were due, and they are sent
  }
}

void Exporter::flush() {
  if (is_open_) send(clock_());
}

void Exporter::flush_at_end() {
  flush();
  if (!plan_.repeated.statistics || statistics().not_sent_flows == not_sent_reported_) return;
  statistics_sent_ = clock_().steady - kStatistics;
  options_owed_ = true;
  send_what_is_due();
  flush();  // what is held
}

MonoTime Exporter::deadline() const {
  if (is_open_) return opened_ + config_.flush_after;
  const OptionsKinds kinds = options();
  const bool owed = options_owed_ && (kinds.sampling || kinds.statistics || kinds.interface_names);
  if (templates_owed_ || owed) return opened_ + kRetry;
  MonoTime next = plan_.templates ? templates_sent_ + config_.template_interval : MonoTime::max();
  if (repeats_options()) next = std::min(next, options_sent_ + config_.options_interval);
  if (names_) next = std::min(next, names_->next());
  return next;
}

void Exporter::take_over() {
  flush();
  meet_peer(clock_());
}

std::vector<RemotePeer> Exporter::peers() const {
  if (config_.transport == TransportKind::kFile) return {};
  return {{transport().status().peer, config_.transport == TransportKind::kUdp,
           config_.source_address, config_.bind_device}};
}

void Exporter::describe(OutputStatus& status, const Instant& now) const {
  TransportStatus transport_status = transport().status();
  status.peer = std::move(transport_status.peer);
  status.connected = transport().connected();
  status.healthy = healthy();
  status.counters = ledger_.counters();
  status.last_failure = std::move(transport_status.last_failure);
  status.backlog = std::move(transport_status.backlog);
  CollectorStatus collector{config_.protocol, config_.transport, transport().refusals(), {}, {}};
  for (const Certificate& certificate : transport_status.certificates) {
    collector.certificates.push_back(
        {certificate, std::chrono::floor<std::chrono::seconds>(certificate.expires - now.wall)});
  }
  status.details = std::move(collector);
}

void Exporter::watch_health(std::chrono::milliseconds recovery) {
  if (!health_) {
    health_.emplace();
    refusals_noted_ = transport().refusals();  // those of before it was in a group say nothing
  }
  health_->set_recovery(recovery);
}

void Exporter::note_failure(const Instant& now) {
  if (health_) health_->on_failure(now.steady);
}

void Exporter::note_answers(const Instant& now) {
  if (!health_) return;
  const std::uint64_t refusals = transport().refusals();
  if (std::exchange(refusals_noted_, refusals) != refusals) health_->on_failure(now.steady);
  if (!transport().connected()) health_->on_disconnected(now.steady);
}

void Exporter::check_health(const Instant& now) {
  if (!health_) return;
  if (!is_open_ && prepare()) meet_peer(now);
  note_answers(now);
  health_->tick(now.steady);
  if (health_->healthy() || now.steady - probed_ < kProbe) return;
  probed_ = now.steady;
  flush();
  if (!plan_.templates) probe(now);
  templates_owed_ = plan_.templates;
  options_owed_ = true;  // names wait until the collector is healthy
}

void Exporter::send(const Instant& now) {
  const std::size_t length = encoder_->finish(now.wall).size();
  const MessageContent content = encoder_->content();
  is_open_ = false;
  ++messages_since_templates_;
  deliver(std::span(buffer_).first(length), content, now);
}

void Exporter::owe_nothing() { options_owed_ = false; }

void Exporter::owe_again(const Instant& now, const MessageContent& content) {
  // Without a template the collector drops all records until the next refresh.
  if (content.templates > 0) templates_owed_ = true;
  if (content.option_records == 0) return;
  options_owed_ = true;
  if (names_) names_->restart(now.steady + NameSchedule::kGather);
}

}  // namespace ctflow
