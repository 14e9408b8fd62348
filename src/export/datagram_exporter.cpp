// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/datagram_exporter.hpp"

#include <algorithm>
#include <utility>

#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

/// Longer than an ICMP message is on its way.
constexpr std::chrono::seconds kAnswerTakes{1};

/// Where messages have their sequence number: RFC 7011 section 3.1, RFC 3954 section 5.1.
std::size_t place_of_sequence(Protocol protocol) {
  constexpr std::size_t kIpfixSequence = 8;
  constexpr std::size_t kNetflow9Sequence = 12;
  constexpr std::size_t kNetflow5Sequence = 16;
  if (protocol == Protocol::kIpfix) return kIpfixSequence;
  return protocol == Protocol::kNetflow9 ? kNetflow9Sequence : kNetflow5Sequence;
}

void add_to_sequence(std::span<std::byte> message, Protocol protocol, std::uint32_t more) {
  const std::size_t at = place_of_sequence(protocol);
  wire::store(message.data() + at, wire::load<std::uint32_t>(message, at) + more);
}

/// What a message adds to the sequence number: records, or itself.
std::uint32_t sequence_step(Protocol protocol, const MessageContent& content) {
  return protocol == Protocol::kNetflow9 ? 1 : content.data_records + content.option_records;
}

}  // namespace

DatagramExporter::DatagramExporter(const CollectorConfig& config, std::unique_ptr<Encoder> encoder,
                                   std::unique_ptr<DatagramTransport> transport,
                                   std::shared_ptr<const OutputContext> context, Clock clock)
    : Exporter(config, plan_for_datagrams(config), std::move(encoder), std::move(context),
               std::move(clock)),
      transport_(std::move(transport)) {}

void DatagramExporter::tick() {
  Exporter::tick();
  send_held(held_.size());
  take_late_answer();
}

void DatagramExporter::probe(const Instant& now) {
  if (transport_->send({}).loss()) note_failure(now);
}

void DatagramExporter::take_late_answer() {
  const Instant now = read_clock();
  if (asked_ || is_open() || now.steady - sent_ < kAnswerTakes) return;
  peer_is_new_ = prepare();
  note_answers(now);
}

MonoTime DatagramExporter::deadline() const {
  const MonoTime next = Exporter::deadline();
  return asked_ || is_open() ? next : std::min(next, sent_ + kAnswerTakes);
}

void DatagramExporter::flush() {
  Exporter::flush();
  send_held(held_.size());
}

bool DatagramExporter::prepare() {
  // What is held was made for the socket as it was.
  if (!sending_ && !transport_->connected()) send_held(held_.size());
  // Where nothing has left since it was asked the socket has no answer to it.
  if (asked_ && !sending_ && held_.size() > 0) return false;
  asked_ = true;
  const bool is_new = transport_->prepare();
  return std::exchange(peer_is_new_, false) || is_new;
}

void DatagramExporter::deliver(std::span<std::byte> message, const MessageContent& content,
                               const Instant& now) {
  if (moved_ahead_) {
    add_to_sequence(message, config().protocol, 0 - *moved_ahead_);
    sent_ahead_ += sequence_step(config().protocol, content);
    // A socket that has to be replaced twice takes nothing.
    return enter(transport_->send(message), message.size(), content, now);
  }
  const std::size_t limit = transport_->messages_at_once();
  const bool continues = held_.continues(message.size(), limit);
  held_.add(message, content);
  if (sending_) return;
  if (!continues) send_held(held_.size() - 1);
  if (held_.size() > 0 && held_.complete(limit)) send_held(held_.size());
}

void DatagramExporter::send_held(std::size_t count) {
  if (count == 0 || sending_) return;
  const Instant now = read_clock();
  asked_ = false;
  sent_ = now.steady;
  if (count == 1 || !transport_->send_together(held_.bytes(count), held_.first())) {
    return send_one_by_one(count, now);
  }
  note_answers(now);
  for (std::size_t i = 0; i < count; ++i) ledger().sent(held_.content(i), held_.length_of(i));
  held_.drop(count);
}

void DatagramExporter::send_one_by_one(std::size_t count, const Instant& now) {
  sending_ = true;
  bool renewed = false;
  for (std::size_t i = 0; i < count; ++i) {
    SendResult result = transport_->send(held_.message(i));
    if (result.is_again() && !renewed) {
      renewed = true;
      Exporter::flush();  // what is open has its place in the sequence, behind what is held
      count = held_.size();
      renew(i);
      result = transport_->send(held_.message(i));
    }
    enter(result, held_.length_of(i), held_.content(i), now);
  }
  held_.drop(count);
  sending_ = false;
}

void DatagramExporter::renew(std::size_t first) {
  std::uint32_t steps = 0;
  for (std::size_t i = first; i < held_.size(); ++i) {
    steps += sequence_step(config().protocol, held_.content(i));
  }
  moved_ahead_ = steps;
  sent_ahead_ = 0;
  send_what_is_due();
  moved_ahead_.reset();
  for (std::size_t i = first; i < held_.size(); ++i) {
    add_to_sequence(held_.message(i), config().protocol, sent_ahead_);
  }
}

void DatagramExporter::enter(const SendResult& result, std::size_t octets,
                             const MessageContent& content, const Instant& now) {
  note_answers(now);
  if (result.is_sent()) {
    ledger().sent(content, octets);
    return;
  }
  const LossReason reason = result.loss().value_or(LossReason::kSendError);
  if (reason != LossReason::kWouldBlock) note_failure(now);
  ledger().lost(reason, content);
  owe_again(now, content);
}

}  // namespace ctflow
