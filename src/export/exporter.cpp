// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/exporter.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "ctflow/clock.hpp"
#include "export/unknown_interfaces.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

/// Pause before templates that could not be sent are tried again while there is no flow to send.
constexpr std::chrono::seconds kRetry{1};

/// Pause between templates sent only to see whether an unhealthy collector takes them.
constexpr std::chrono::seconds kProbe{5};

/// Statistics are told no more often: some collectors take every message of options for trouble.
constexpr std::chrono::seconds kStatistics{300};

// Where messages have their sequence number: RFC 7011 section 3.1, RFC 3954 section 5.1.
constexpr std::size_t kIpfixSequence = 8;
constexpr std::size_t kNetflow9Sequence = 12;

void add_to_sequence(std::span<std::byte> message, Protocol protocol, std::uint32_t more) {
  const std::size_t at = protocol == Protocol::kIpfix ? kIpfixSequence : kNetflow9Sequence;
  wire::store(message.data() + at, wire::load<std::uint32_t>(message, at) + more);
}

/// What a message adds to the sequence number: records, or itself.
std::uint32_t sequence_step(Protocol protocol, const MessageContent& content) {
  return protocol == Protocol::kIpfix ? content.data_records + content.option_records : 1;
}

}  // namespace

Exporter::Exporter(const CollectorConfig& config, std::unique_ptr<Encoder> encoder,
                   std::unique_ptr<Transport> transport, Clock clock)
    : config_(config),
      profile_(&row_of(config.profile)),
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
  const OptionsKinds kinds{config_.sampling_options && counts(), config_.statistics_options,
                           config_.interface_names};
  if (kinds.sampling) static_cast<void>(encoder_->add_sampling_options());
  static_cast<void>(encoder_->add_options_templates(kinds));
  encoder_->omit_options_templates();
  if (encoder_->content().templates > 0) {
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

bool Exporter::templates_due(const Instant& now) const {
  if (sessions_) return false;  // sent once per connection, and TCP does not lose them
  return templates_owed_ || messages_since_templates_ >= config_.template_messages ||
         now.steady - templates_sent_ >= config_.template_interval;
}

OptionsKinds Exporter::options() const {
  // NAT events count no packets. A session begins with the sampling options by itself.
  return {config_.sampling_options && counts() && !sessions_, config_.statistics_options,
          names_.has_value()};
}

bool Exporter::repeats_options() const {
  if (!profile_->repeats_options(config_.protocol)) return false;
  const OptionsKinds kinds = options();
  // No message of a session is lost on its way: only the statistics have something new to say.
  return kinds.statistics || (!sessions_ && (kinds.sampling || kinds.interface_names));
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
  const std::size_t longest = std::min(buffer_.size(), transport_->longest_message());
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
  if (kinds.sampling && (all || (refresh && repeats_options()))) {
    static_cast<void>(encoder_->add_sampling_options());
  }
  if (all) {
    options_owed_ = false;
    options_sent_ = now.steady;
  }
  if (all && statistics_due(now)) add_statistics(now);
  if (refresh) static_cast<void>(encoder_->add_options_templates(kinds));
  if (names_) {
    if (repeated && !sessions_) names_->repeat(now.steady, config_.options_interval);
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
  if (transport_->prepare()) meet_peer(now);
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
  templates_owed_ = !sessions_;
  options_owed_ = true;
  if (names_) names_->restart(now.steady);
}

void Exporter::add(const Flow& flow) {
  ++counters_.offered;
  if (profile_->fills_unknown_interfaces && lacks_interfaces(flow)) {
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

MonoTime Exporter::deadline() const {
  if (is_open_) return opened_ + config_.flush_after;
  const OptionsKinds kinds = options();
  const bool owed = options_owed_ && (kinds.sampling || kinds.statistics || kinds.interface_names);
  if (templates_owed_ || owed) return opened_ + kRetry;
  MonoTime next = sessions_ ? MonoTime::max() : templates_sent_ + config_.template_interval;
  if (repeats_options()) next = std::min(next, options_sent_ + config_.options_interval);
  if (names_) next = std::min(next, names_->next());
  return next;
}

void Exporter::introduce() {
  flush();
  meet_peer(clock_());
}

void Exporter::note_answers(const Instant& now) {
  if (!health_) return;
  const std::uint64_t refusals = transport_->refusals();
  if (std::exchange(refusals_noted_, refusals) != refusals) health_->on_failure(now.steady);
  if (!transport_->connected()) health_->on_disconnected(now.steady);
}

void Exporter::check_health(const Instant& now) {
  if (!health_) return;
  if (!is_open_ && transport_->prepare()) meet_peer(now);
  note_answers(now);
  health_->tick(now.steady);
  if (health_->healthy() || now.steady - probed_ < kProbe) return;
  probed_ = now.steady;
  flush();
  templates_owed_ = !sessions_;
  options_owed_ = true;  // names wait until the collector is healthy
}

void Exporter::send(const Instant& now) {
  const std::span<const std::byte> message = encoder_->finish(now.wall);
  const MessageContent& content = encoder_->content();
  is_open_ = false;
  ++messages_since_templates_;
  if (moved_ahead_) {
    add_to_sequence(buffer_, config_.protocol, 0 - *moved_ahead_);
    sent_ahead_ += sequence_step(config_.protocol, content);
  }
  std::error_code error = transport_->send_counted(message, content);
  if (error == std::errc::connection_reset && !moved_ahead_) {
    const MessageContent again = content;
    settle(send_again(message, again), now, again, message.size());
    return;
  }
  settle(error, now, content, message.size());
}

std::error_code Exporter::send_again(std::span<const std::byte> message,
                                     const MessageContent& content) {
  std::vector<std::byte> kept(message.begin(), message.end());
  moved_ahead_ = sequence_step(config_.protocol, content);
  sent_ahead_ = 0;
  open();
  if (encoder_->content().templates > 0) {
    send(clock_());
  } else {
    is_open_ = false;
  }
  moved_ahead_.reset();
  add_to_sequence(kept, config_.protocol, sent_ahead_);
  return transport_->send_counted(kept, content);
}

void Exporter::settle(const std::error_code& error, const Instant& now,
                      const MessageContent& content, std::size_t length) {
  note_answers(now);
  if (error == std::errc::operation_in_progress) return;  // the transport keeps it, and the ledger
  if (error) {
    if (health_ && error != std::errc::operation_would_block) health_->on_failure(now.steady);
    count_loss(now, error, content);
    return;
  }
  ++counters_.messages;
  counters_.message_octets += length;
  counters_.flows += content.flows;
  counters_.records += content.data_records;
  counters_.packets += content.packets;
  counters_.octets += content.octets;
  counters_.templates += content.templates;
  counters_.option_records += content.option_records;
}

void Exporter::count_loss(const Instant& now, const std::error_code& error,
                          const MessageContent& content) {
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
  if (content.option_records == 0) return;
  options_owed_ = true;
  if (names_) names_->restart(now.steady + NameSchedule::kGather);
}

}  // namespace ctflow
