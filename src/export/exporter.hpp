// SPDX-License-Identifier: GPL-2.0-or-later
// An Exporting Process for one collector: fills messages, decides when they and the templates go.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/encoder.hpp"
#include "ctflow/output.hpp"
#include "ctflow/transport.hpp"
#include "export/health.hpp"
#include "export/message_plan.hpp"
#include "export/name_schedule.hpp"
#include "export/profile.hpp"
#include "ledger/export_ledger.hpp"

namespace ctflow {

class EncodedFlows;
struct RecordFormat;

/// How messages leave depends on the transport: see DatagramExporter and SessionExporter.
class Exporter : public Output {
 public:
  /// Puts a flow into the open message, sending it first when it is full.
  void offer(const Flow& flow, const Instant& now) override;

  /// The same for flow reports whose records are encoded, in the format of this collector.
  void offer_encoded(const EncodedFlows& flows);

  /// Whether its records can be encoded together with those of others: not where a filter decides
  /// about each flow report, nor in NetFlow v5, whose records are no copies of others.
  [[nodiscard]] bool can_share_records() const {
    return !has_filter() && config_.protocol != Protocol::kNetflow5;
  }
  /// Whether both collectors get the same records of the same flow reports.
  [[nodiscard]] bool has_records_of(const Exporter& other) const;
  [[nodiscard]] const RecordFormat& record_format() const { return encoder_->record_format(); }
  [[nodiscard]] bool fills_unknown_interfaces() const { return profile_->fills_unknown_interfaces; }

  /// Does what is due: sends a message that waited long enough, repeats templates and options.
  void tick() override;

  /// Sends the open message, if any.
  void flush() override;

  /// Then the statistics, where records were lost since they were sent: the collector would not
  /// learn of them.
  void flush_at_end() override;

  [[nodiscard]] MonoTime deadline() const override;
  [[nodiscard]] bool lookup_running() const override { return transport().lookup_running(); }
  [[nodiscard]] std::vector<RemotePeer> peers() const override;
  Exporter* as_collector() override { return this; }

  // For groups, whose members take over from each other.

  /// From now on healthy() says whether what is offered gets through. A member that failed is
  /// healthy again when nothing failed for `recovery`.
  void watch_health(std::chrono::milliseconds recovery);
  /// It is in no group any more, and always healthy.
  void forget_health() { health_.reset(); }
  /// Notes what became known since, and tries a member that failed now and then.
  void check_health(const Instant& now);
  [[nodiscard]] bool healthy() const { return !health_ || health_->healthy(); }
  /// Called before it gets flow reports that another member got until now, and may not have what
  /// was sent before: templates and options go before the next flow.
  void take_over();

  [[nodiscard]] const ExporterCounters& counters() const { return ledger_.counters(); }

 protected:
  void describe(OutputStatus& status, const Instant& now) const override;

  Exporter(const CollectorConfig& config, const MessagePlan& plan, std::unique_ptr<Encoder> encoder,
           std::shared_ptr<const OutputContext> context, Clock clock);

  [[nodiscard]] virtual const Transport& transport() const = 0;
  /// Transport::prepare().
  virtual bool prepare() = 0;
  /// Lets the collector's host answer to something that is no message.
  virtual void probe(const Instant& /*now*/) {}
  /// Octets of the longest message that the transport takes.
  [[nodiscard]] virtual std::size_t longest_message() const = 0;
  /// Sends a message, and enters it in the ledger.
  virtual void deliver(std::span<std::byte> message, const MessageContent& content,
                       const Instant& now) = 0;

  [[nodiscard]] const CollectorConfig& config() const { return config_; }
  [[nodiscard]] Encoder& encoder() { return *encoder_; }
  [[nodiscard]] ExportLedger& ledger() { return ledger_; }
  [[nodiscard]] std::span<std::byte> buffer() { return buffer_; }
  [[nodiscard]] bool is_open() const { return is_open_; }
  [[nodiscard]] Instant read_clock() const { return clock_(); }

  /// Sends templates and options where they are due.
  void send_what_is_due();
  /// Nothing is due before the first session begins, whose beginning the transport has.
  void owe_nothing();
  /// The collector does not have what this message carried.
  void owe_again(const Instant& now, const MessageContent& content);
  /// Sending failed.
  void note_failure(const Instant& now);
  /// Notes refusals and a lost connection.
  void note_answers(const Instant& now);

 private:
  FilteredAmount leave_out(const Flow& flow) override;
  /// What the records of a flow report would add to the ledger.
  [[nodiscard]] FilteredAmount amount_of(const Flow& flow) const;
  /// Takes up names of interfaces that became known, and drops those of a closed namespace.
  void follow_names();
  /// Opens a message, after the options' own message and with templates where they are due.
  void open(const Instant& now);
  /// Of a collector to which some flow reports are not given as they are.
  void offer_after_a_look(const Flow& flow);
  /// Of a collector that gets no record without interfaces.
  void add_completed(const Flow& flow);
  /// Where there is no open message, or it has no room.
  void add_to_next_message(const Flow& flow);
  /// `refresh`: templates are due, so those of options are as well.
  void send_options(const Instant& now, bool refresh);
  void add_templates(const Instant& now);
  [[nodiscard]] bool templates_due(const Instant& now) const;
  /// Whether templates are due by the number of messages. `since`: the time since they were sent.
  [[nodiscard]] bool enough_messages(MonoTime::duration since) const;
  [[nodiscard]] bool options_due(const Instant& now) const;
  /// All options, not only names that are due.
  [[nodiscard]] bool all_options_due(const Instant& now) const;
  /// Which options messages have.
  [[nodiscard]] OptionsKinds options() const;
  /// Whether options are repeated within a session.
  [[nodiscard]] bool repeats_options() const;
  [[nodiscard]] bool statistics_due(const Instant& now) const;
  [[nodiscard]] ExportStatistics statistics() const;
  void add_statistics(const Instant& now);
  void begin();
  /// A new session: the peer may not have what was sent before.
  void meet_peer(const Instant& now);
  /// Finishes and sends the open message.
  void send(const Instant& now);

  CollectorConfig config_;
  const ProfileRow* profile_;
  MessagePlan plan_;
  std::unique_ptr<Encoder> encoder_;
  std::shared_ptr<const OutputContext> context_;
  Clock clock_;
  ExportLedger ledger_;
  std::vector<std::byte> buffer_;
  const bool takes_all_as_is_;  ///< each flow report has records, and they need nothing
  bool is_open_ = false;
  bool templates_owed_;
  bool templates_repeated_ = false;  ///< since they were owed
  bool options_owed_ = true;
  std::uint32_t messages_since_templates_ = 0;
  MonoTime opened_{};
  MonoTime templates_sent_{};
  MonoTime options_sent_{};
  std::optional<NameSchedule> names_;
  MonoTime statistics_sent_;
  std::uint64_t not_sent_reported_ = 0;  ///< flow records, as in the statistics sent before
  std::optional<Health> health_;
  std::uint64_t refusals_noted_ = 0;
  MonoTime probed_{};
};

}  // namespace ctflow
