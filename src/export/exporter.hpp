// SPDX-License-Identifier: GPL-2.0-or-later
// An Exporting Process for one collector: fills messages, decides when they and the templates go.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/encoder.hpp"
#include "ctflow/interface_names.hpp"
#include "ctflow/transport.hpp"
#include "export/health.hpp"
#include "export/name_schedule.hpp"
#include "export/profile.hpp"

namespace ctflow {

class Exporter {
 public:
  Exporter(const CollectorConfig& config, std::unique_ptr<Encoder> encoder,
           std::unique_ptr<Transport> transport, Clock clock = system_now);

  /// Whether the collector's profile has records of it.
  [[nodiscard]] bool wants(const Flow& flow) const { return profile_->wants(flow); }

  /// Whether its records carry packets and octets.
  [[nodiscard]] bool counts() const { return profile_->counts; }

  /// With `interface_names`: exports these in options records from now on. They must outlive this.
  void export_interface_names(const InterfaceNames& names) {
    if (!names_ || &names_->names() != &names) names_.emplace(names);
  }

  /// What was lost before it came here, for the statistics.
  void ask_upstream(std::function<UpstreamLosses()> upstream) { upstream_ = std::move(upstream); }

  /// Whoever answers these questions is about to go: from now on the answers stay as they are.
  void keep_answers() {
    const UpstreamLosses last = upstream_ ? upstream_() : UpstreamLosses{};
    upstream_ = [last] { return last; };
    names_.reset();
  }

  /// Begins to watch whether the collector takes what is sent; it is healthy again when nothing
  /// failed for `recovery`.
  void watch_health(std::chrono::milliseconds recovery) {
    if (!health_) health_.emplace();
    health_->set_recovery(recovery);
  }

  /// Always true if nobody watches.
  [[nodiscard]] bool healthy() const { return !health_ || health_->healthy(); }

  /// Takes in what became known of the collector, and tries an unhealthy one now and then.
  void check_health(const Instant& now);

  /// The collector may never have heard of us: templates and options go before the next flow.
  void introduce();

  /// Puts a flow into the open message, sending it first when it is full.
  void add(const Flow& flow);

  /// Does what is due: sends a message that waited long enough, repeats templates and options.
  void tick();

  /// Sends the open message, if any.
  void flush();

  /// The last call: Transport::stop().
  void stop() { transport_->stop(); }

  /// When tick() has something to do next.
  [[nodiscard]] MonoTime deadline() const;

  [[nodiscard]] const std::string& name() const { return config_.name; }
  [[nodiscard]] const CollectorConfig& config() const { return config_; }
  [[nodiscard]] const ExporterCounters& counters() const { return counters_; }
  [[nodiscard]] const Transport& transport() const { return *transport_; }

 private:
  /// Hands all templates, those of options too, and the sampling options to a transport that begins
  /// sessions by itself.
  void begin_sessions();
  /// Opens a message, after the options' own message and with templates where they are due.
  void open();
  void add_to_message(const Flow& flow);
  /// `refresh`: templates are due, so those of options are as well.
  void send_options(const Instant& now, bool refresh);
  void add_templates(const Instant& now);
  [[nodiscard]] bool templates_due(const Instant& now) const;
  [[nodiscard]] bool options_due(const Instant& now) const;
  /// All options, not only names whose time has come.
  [[nodiscard]] bool all_options_due(const Instant& now) const;
  /// Which options messages have.
  [[nodiscard]] OptionsKinds options() const;
  /// Whether options come again within a session.
  [[nodiscard]] bool repeats_options() const;
  [[nodiscard]] bool statistics_due(const Instant& now) const;
  void add_statistics(const Instant& now);
  void begin();
  /// A new session: the peer may not know what was sent before.
  void meet_peer(const Instant& now);
  /// Finishes and sends the open message and enters it in the ledger.
  void send(const Instant& now);
  /// A message that has not left because the transport's socket had become useless: templates and
  /// options go first, by the new one.
  std::error_code send_again(std::span<const std::byte> message, const MessageContent& content);
  /// Enters in the ledger what became of a message.
  void settle(const std::error_code& error, const Instant& now, const MessageContent& content,
              std::size_t length);
  void count_loss(const Instant& now, const std::error_code& error, const MessageContent& content);
  /// Enters refusals and a lost connection.
  void note_answers(const Instant& now);

  CollectorConfig config_;
  const ProfileRow* profile_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<Transport> transport_;
  Clock clock_;
  std::vector<std::byte> buffer_;
  bool sessions_;  ///< the transport begins sessions with templates and sampling options by itself
  bool is_open_ = false;
  /// What goes before a message that is sent again takes the place of that message in the sequence.
  std::optional<std::uint32_t> moved_ahead_{};
  std::uint32_t sent_ahead_ = 0;  ///< what it took of the sequence
  bool templates_owed_ = true;
  bool options_owed_ = true;
  std::uint32_t messages_since_templates_ = 0;
  MonoTime opened_{};
  MonoTime templates_sent_{};
  MonoTime options_sent_{};
  std::optional<NameSchedule> names_;
  std::function<UpstreamLosses()> upstream_;
  MonoTime statistics_sent_;
  std::optional<Health> health_;
  std::uint64_t refusals_noted_ = 0;
  MonoTime probed_{};
  ExporterCounters counters_;
};

}  // namespace ctflow
