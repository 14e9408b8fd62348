// SPDX-License-Identifier: GPL-2.0-or-later
// An Exporting Process over UDP: a message leaves or is lost at once, templates are repeated.
#pragma once

#include "export/exporter.hpp"

namespace ctflow {

class DatagramExporter final : public Exporter {
 public:
  DatagramExporter(const CollectorConfig& config, std::unique_ptr<Encoder> encoder,
                   std::unique_ptr<DatagramTransport> transport,
                   std::shared_ptr<const OutputContext> context, Clock clock = system_now);

 private:
  [[nodiscard]] const Transport& transport() const override { return *transport_; }
  bool prepare() override { return transport_->prepare(); }
  [[nodiscard]] std::size_t longest_message() const override {
    return transport_->longest_message();
  }
  void deliver(std::span<std::byte> message, const MessageContent& content,
               const Instant& now) override;
  /// A message that has not left because the socket had to be replaced: templates and options go
  /// first, through the new one.
  SendResult send_again(std::span<const std::byte> message, const MessageContent& content);

  std::unique_ptr<DatagramTransport> transport_;
  /// What goes before a message that is sent again takes the place of that message in the sequence.
  std::optional<std::uint32_t> moved_ahead_{};
  std::uint32_t sent_ahead_ = 0;  ///< what it took of the sequence
};

}  // namespace ctflow
