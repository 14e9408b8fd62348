// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/datagram_exporter.hpp"

#include <utility>

#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

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

DatagramExporter::DatagramExporter(const CollectorConfig& config, std::unique_ptr<Encoder> encoder,
                                   std::unique_ptr<DatagramTransport> transport,
                                   std::shared_ptr<const OutputContext> context, Clock clock)
    : Exporter(config, plan_for_datagrams(config), std::move(encoder), std::move(context),
               std::move(clock)),
      transport_(std::move(transport)) {}

void DatagramExporter::deliver(std::span<std::byte> message, const MessageContent& content,
                               const Instant& now) {
  if (moved_ahead_) {
    add_to_sequence(message, config().protocol, 0 - *moved_ahead_);
    sent_ahead_ += sequence_step(config().protocol, content);
  }
  const std::size_t length = message.size();
  SendResult result = transport_->send(message);
  if (result.is_again() && !moved_ahead_) result = send_again(message, content);
  note_answers(now);
  if (result.is_sent()) {
    ledger().sent(content, length);
    return;
  }
  // A socket that has to be replaced twice takes nothing.
  const LossReason reason = result.loss().value_or(LossReason::kSendError);
  if (reason != LossReason::kWouldBlock) note_failure(now);
  ledger().lost(reason, content);
  owe_again(now, content);
}

SendResult DatagramExporter::send_again(std::span<const std::byte> message,
                                        const MessageContent& content) {
  std::vector<std::byte> kept(message.begin(), message.end());
  moved_ahead_ = sequence_step(config().protocol, content);
  sent_ahead_ = 0;
  send_what_is_due();
  moved_ahead_.reset();
  add_to_sequence(kept, config().protocol, sent_ahead_);
  return transport_->send(kept);
}

}  // namespace ctflow
