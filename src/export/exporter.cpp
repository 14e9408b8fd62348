// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctflow/exporter.hpp"

#include <algorithm>
#include <utility>

#include "export/unknown_interfaces.hpp"

namespace ctflow {
namespace {

/// Pause before templates that could not be sent are tried again while there is no flow to send.
constexpr std::chrono::seconds kRetry{1};

/// Pause between templates sent only to see whether an unhealthy collector takes them.
constexpr std::chrono::seconds kProbe{5};

/// Statistics are told no more often: some collectors take every message of options for trouble.
constexpr std::chrono::seconds kStatistics{300};

/// New interfaces come in crowds: their names wait this long for each other.
constexpr std::chrono::seconds kGather{1};

}  // namespace

Exporter::Exporter(const CollectorConfig& config, std::unique_ptr<Encoder> encoder,
                   std::unique_ptr<Transport> transport, Clock clock)
    : config_(config),
      encoder_(std::move(encoder)),
      transport_(std::move(transport)),
      clock_(std::move(clock)),
      buffer_(config.max_message_size),
      sessions_(transport_->has_sessions()),
      statistics_sent_(clock_().steady) {
  if (sessions_) begin_sessions();
}

void Exporter::begin_sessions() {
  std::vector<CountedMessage> messages;
  const auto keep = [&] {
    const std::span<const std::byte> message = encoder_->finish(clock_().wall);
    messages.push_back({{message.begin(), message.end()}, encoder_->content()});
  };
  encoder_->begin(buffer_);
  // Cannot fail: kMinimumMessageSize holds them.
  if (config_.sampling_options && encoder_->add_sampling_options()) {
    keep();
    encoder_->begin(buffer_);
  }
  while (!encoder_->add_templates()) {
    keep();
    encoder_->begin(buffer_);
  }
  keep();
  templates_owed_ = false;
  options_owed_ = false;
  transport_->begin_sessions_with(messages, counters_);
}

bool Exporter::wants(const Flow& flow) const {
  if (config_.profile == Profile::kNatEvents) {
    return translated(flow) && flow.event != FlowEvent::kReported;
  }
  return flow.event == FlowEvent::kEnded || flow.event == FlowEvent::kReported;
}

bool Exporter::templates_due(const Instant& now) const {
  if (sessions_) return false;  // sent once per connection, and TCP does not lose them
  return templates_owed_ || messages_since_templates_ >= config_.template_messages ||
         now.steady - templates_sent_ >= config_.template_interval;
}

bool Exporter::all_options_due(const Instant& now) const {
  if (!has_options()) return false;
  // nfdump counts each later options message as a gap in the sequence.
  if (config_.profile == Profile::kNfdump) return options_owed_;
  return options_owed_ || now.steady - options_sent_ >= config_.options_interval;
}

bool Exporter::options_due(const Instant& now) const {
  return all_options_due(now) || (names_are_new() && now.steady - names_sent_ >= kGather);
}

void Exporter::begin() {
  encoder_->begin(buffer_);
  is_open_ = true;
}

void Exporter::send_options(const Instant& now) {
  // In a message of their own: Graylog stalls on a message that mixes options and flows.
  const bool all = all_options_due(now);
  begin();
  // Cannot fail: kMinimumMessageSize holds them.
  if (all && config_.sampling_options && !sessions_ && !encoder_->add_sampling_options()) return;
  if (all) {
    options_owed_ = false;
    options_sent_ = now.steady;
  }
  if (all && statistics_due(now)) add_statistics(now);
  if (names_ != nullptr) add_interface_names(now, all);
  if (encoder_->content().option_records > 0) {
    send(now);
  } else {
    is_open_ = false;  // there are no interfaces
  }
}

bool Exporter::statistics_due(const Instant& now) const {
  return config_.statistics_options && now.steady - statistics_sent_ >= kStatistics;
}

void Exporter::add_statistics(const Instant& now) {
  statistics_sent_ = now.steady;
  const UpstreamLosses upstream = upstream_ ? upstream_() : UpstreamLosses{};
  ExportStatistics statistics;
  statistics.exported_messages = counters_.messages;
  statistics.exported_records = counters_.records;
  statistics.exported_octets = counters_.message_octets;
  statistics.ignored_packets = upstream.ignored_packets;
  statistics.ignored_octets = upstream.ignored_octets;
  statistics.not_sent_flows = counters_.lost_records + upstream.flows;
  statistics.not_sent_packets = counters_.lost_packets;
  statistics.not_sent_octets = counters_.lost_octets;
  // Cannot fail: kMinimumMessageSize holds them behind the sampling options.
  static_cast<void>(encoder_->add_statistics(statistics));
}

void Exporter::add_interface_names(const Instant& now, bool all) {
  const std::uint64_t told = std::exchange(names_told_, names_->version());
  names_sent_ = now.steady;
  for (const auto& [index, entry] : names_->entries()) {
    if (!all && entry.version <= told) continue;
    if (encoder_->add_interface_name(index, entry.name)) continue;
    send(now);
    begin();
    static_cast<void>(encoder_->add_interface_name(index, entry.name));
  }
}

void Exporter::add_templates(const Instant& now) {
  templates_owed_ = false;
  templates_sent_ = now.steady;
  encoder_->restart_templates();
  while (!encoder_->add_templates()) {
    send(now);
    begin();
  }
  messages_since_templates_ = 0;
}

void Exporter::open() {
  const Instant now = clock_();
  opened_ = now.steady;
  if (transport_->prepare()) {
    templates_owed_ = !sessions_;
    options_owed_ = true;
  }
  // Before the first flow message: nfdump does not count options records in its expected sequence
  // number, which does no harm in the first message of a session.
  if (options_due(now)) send_options(now);
  begin();
  if (templates_due(now)) add_templates(now);
}

void Exporter::add(const Flow& flow) {
  ++counters_.offered;
  if (config_.profile == Profile::kAkvorado && lacks_interfaces(flow)) {
    add_to_message(with_interfaces(flow));
  } else {
    add_to_message(flow);
  }
}

void Exporter::add_to_message(const Flow& flow) {
  if (!is_open_) open();
  if (encoder_->add(flow)) return;
  send(clock_());
  open();
  if (encoder_->add(flow)) return;
  // Behind templates there may be no room left; an empty message always has it.
  send(clock_());
  begin();
  static_cast<void>(encoder_->add(flow));
}

void Exporter::tick() {
  const Instant now = clock_();
  if (is_open_ && now.steady - opened_ >= config_.flush_after) send(now);
  if (is_open_) return;  // what else is due goes before or with the next message
  if (!templates_due(now) && !options_due(now)) return;
  open();
  if (encoder_->content().templates > 0) {
    send(now);
  } else {
    is_open_ = false;  // only options were due, and they are gone
  }
}

void Exporter::flush() {
  if (is_open_) send(clock_());
}

Exporter::Deadline Exporter::deadline() const {
  if (is_open_) return opened_ + config_.flush_after;
  if (templates_owed_ || (has_options() && options_owed_)) return opened_ + kRetry;
  Deadline next = sessions_ ? Deadline::max() : templates_sent_ + config_.template_interval;
  if (has_options() && config_.profile != Profile::kNfdump) {
    next = std::min(next, options_sent_ + config_.options_interval);
  }
  if (names_are_new()) next = std::min(next, names_sent_ + kGather);
  return next;
}

void Exporter::introduce() {
  flush();
  templates_owed_ = !sessions_;
  options_owed_ = true;
}

void Exporter::note_answers(const Instant& now) {
  if (!health_) return;
  const std::uint64_t refusals = transport_->refusals();
  if (std::exchange(refusals_noted_, refusals) != refusals) health_->on_failure(now.steady);
  if (!transport_->connected()) health_->on_disconnected(now.steady);
}

void Exporter::check_health(const Instant& now) {
  if (!health_) return;
  if (!is_open_ && transport_->prepare()) introduce();
  note_answers(now);
  health_->tick(now.steady);
  if (health_->healthy() || now.steady - probed_ < kProbe) return;
  probed_ = now.steady;
  introduce();
}

void Exporter::send(const Instant& now) {
  const std::span<const std::byte> message = encoder_->finish(now.wall);
  const MessageContent& content = encoder_->content();
  is_open_ = false;
  ++messages_since_templates_;
  const std::error_code error = transport_->send_counted(message, content);
  note_answers(now);
  if (error == std::errc::operation_in_progress) return;  // the transport keeps it, and the ledger
  if (error) {
    if (health_ && error != std::errc::operation_would_block) health_->on_failure(now.steady);
    count_loss(error, content);
    return;
  }
  ++counters_.messages;
  counters_.message_octets += message.size();
  counters_.flows += content.flows;
  counters_.records += content.data_records;
  counters_.packets += content.packets;
  counters_.octets += content.octets;
  counters_.templates += content.templates;
  counters_.option_records += content.option_records;
}

void Exporter::count_loss(const std::error_code& error, const MessageContent& content) {
  ++counters_.lost_messages;
  counters_.lost_records += content.data_records;
  counters_.lost_packets += content.packets;
  counters_.lost_octets += content.octets;
  if (error == std::errc::operation_would_block) {
    counters_.lost_would_block += content.flows;
  } else if (error == std::errc::not_connected) {
    counters_.lost_unresolved += content.flows;
  } else {
    counters_.lost_send_error += content.flows;
  }
  // A lost template would make the collector drop everything until the next refresh.
  if (content.templates > 0) templates_owed_ = true;
  if (content.option_records > 0) options_owed_ = true;
}

}  // namespace ctflow
