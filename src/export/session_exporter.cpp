// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/session_exporter.hpp"

#include <utility>

namespace ctflow {

SessionExporter::SessionExporter(const CollectorConfig& config, std::unique_ptr<Encoder> encoder,
                                 const MakeTransport& make_transport,
                                 std::shared_ptr<const OutputContext> context, Clock clock)
    : Exporter(config, plan_for_sessions(config), std::move(encoder), std::move(context),
               std::move(clock)),
      transport_(make_transport(ledger())) {
  transport_->begin_with(first_messages());
  owe_nothing();
}

std::vector<CountedMessage> SessionExporter::first_messages() {
  std::vector<CountedMessage> messages;
  const auto keep = [&] {
    const std::span<const std::byte> message = encoder().finish(read_clock().wall);
    messages.push_back({{message.begin(), message.end()}, encoder().content()});
  };
  encoder().begin(buffer());
  // Cannot fail: kMinimumMessageSize holds them.
  const OptionsKinds kinds = configured_options(config());
  if (kinds.sampling) static_cast<void>(encoder().add_sampling_options());
  static_cast<void>(encoder().add_options_templates(kinds));
  encoder().omit_options_templates();
  if (encoder().content().templates > 0) {
    keep();
    encoder().begin(buffer());
  }
  while (!encoder().add_templates()) {
    keep();
    encoder().begin(buffer());
  }
  keep();
  return messages;
}

void SessionExporter::deliver(std::span<std::byte> message, const MessageContent& content,
                              const Instant& now) {
  transport_->send(message, content);
  note_answers(now);
}

}  // namespace ctflow
