// SPDX-License-Identifier: GPL-2.0-or-later
// An Exporting Process over TCP, over TLS or into files: the transport keeps messages, and begins
// each Transport Session with the templates.
#pragma once

#include <functional>

#include "export/exporter.hpp"

namespace ctflow {

class SessionExporter final : public Exporter {
 public:
  /// Makes the transport, which enters in this ledger what becomes of messages.
  using MakeTransport = std::function<std::unique_ptr<SessionTransport>(ExportLedger& ledger)>;

  SessionExporter(const CollectorConfig& config, std::unique_ptr<Encoder> encoder,
                  const MakeTransport& make_transport, std::shared_ptr<const OutputContext> context,
                  Clock clock = system_now);

  [[nodiscard]] bool busy() const override { return transport_->busy(); }
  void stop() override { transport_->stop(); }

 private:
  [[nodiscard]] const Transport& transport() const override { return *transport_; }
  bool prepare() override { return transport_->prepare(); }
  [[nodiscard]] std::size_t longest_message() const override { return config().max_message_size; }
  void deliver(std::span<std::byte> message, const MessageContent& content,
               const Instant& now) override;
  /// All templates, those of options too, and the sampling options.
  std::vector<CountedMessage> first_messages();

  std::unique_ptr<SessionTransport> transport_;
};

}  // namespace ctflow
