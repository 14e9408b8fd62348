// SPDX-License-Identifier: GPL-2.0-or-later
// An Exporting Process over UDP: a message leaves or is lost at the end of its batch at the latest,
// templates are repeated.
#pragma once

#include "export/exporter.hpp"
#include "export/held_messages.hpp"

namespace ctflow {

class DatagramExporter final : public Exporter {
 public:
  DatagramExporter(const CollectorConfig& config, std::unique_ptr<Encoder> encoder,
                   std::unique_ptr<DatagramTransport> transport,
                   std::shared_ptr<const OutputContext> context, Clock clock = system_now);

  void end_batch() override { send_held(held_.size()); }
  void tick() override;
  void flush() override;
  [[nodiscard]] MonoTime deadline() const override;

 private:
  [[nodiscard]] const Transport& transport() const override { return *transport_; }
  bool prepare() override;
  /// By an empty datagram: collectors ignore it, and a host where no program listens refuses it.
  void probe(const Instant& now) override;
  [[nodiscard]] std::size_t longest_message() const override {
    return transport_->longest_message();
  }
  void deliver(std::span<std::byte> message, const MessageContent& content,
               const Instant& now) override;
  /// Takes up an answer to the last messages that came when nothing was sent any more.
  void take_late_answer();
  /// Sends the first `count` of what is held.
  void send_held(std::size_t count);
  /// … one by one. Where the socket had to be replaced, all that is held, and what is open.
  void send_one_by_one(std::size_t count, const Instant& now);
  /// The held messages from `first` on have not left because the socket had to be replaced:
  /// templates and options go first, through the new one.
  void renew(std::size_t first);
  /// Enters in the ledger what became of a message.
  void enter(const SendResult& result, std::size_t octets, const MessageContent& content,
             const Instant& now);

  std::unique_ptr<DatagramTransport> transport_;
  HeldMessages held_;
  bool asked_ = true;         ///< the transport, whether its peer is new, since messages left
  bool peer_is_new_ = false;  ///< it said so to take_late_answer()
  MonoTime sent_{};           ///< when messages left
  bool sending_ = false;      ///< one by one: what is finished meanwhile only waits
  /// What goes before messages that are sent again takes their place in the sequence.
  std::optional<std::uint32_t> moved_ahead_{};
  std::uint32_t sent_ahead_ = 0;  ///< what it took of the sequence
};

}  // namespace ctflow
