// SPDX-License-Identifier: GPL-2.0-or-later
// Fakes at the seams: a transport that keeps what it was given, a clock that stands still.
#pragma once

#include <string>
#include <system_error>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/flow_source.hpp"
#include "ctflow/transport.hpp"
#include "export/exporter.hpp"

namespace ctflow::test {

/// What a FakeTransport was given and what it answers; outlives the transport itself.
struct FakeWire {
  std::vector<std::vector<std::byte>> messages;
  std::error_code answer;  ///< of the next send(); messages that fail are not kept
  bool new_peer = true;    ///< of the next prepare()
  bool stale = false;      ///< the next send() finds that the socket had to be replaced
  std::error_code fails_after_stale;
  std::size_t longest = 100'000;
  int prepared = 0;
  std::uint64_t refusals = 0;
  bool connected = true;
  bool has_sessions = false;
  std::vector<CountedMessage> session_start;  ///< of begin_sessions_with()
  std::vector<MessageContent> contents;       ///< of send_counted()
  bool busy = false;
  bool stopped = false;
};

class FakeTransport : public Transport {
 public:
  explicit FakeTransport(FakeWire& wire) : wire_(wire) {}

  bool prepare() override {
    ++wire_.prepared;
    return std::exchange(wire_.new_peer, false);
  }
  std::error_code send(std::span<const std::byte> message) override {
    if (wire_.answer) return wire_.answer;
    if (std::exchange(wire_.stale, false)) {
      wire_.new_peer = true;
      wire_.answer = wire_.fails_after_stale;
      return std::make_error_code(std::errc::connection_reset);
    }
    wire_.messages.emplace_back(message.begin(), message.end());
    return {};
  }
  [[nodiscard]] std::size_t longest_message() const override { return wire_.longest; }
  [[nodiscard]] bool has_sessions() const override { return wire_.has_sessions; }
  void begin_sessions_with(const std::vector<CountedMessage>& messages,
                           ExporterCounters& /*ledger*/) override {
    wire_.session_start = messages;
  }
  std::error_code send_counted(std::span<const std::byte> message,
                               const MessageContent& content) override {
    wire_.contents.push_back(content);
    const std::error_code error = send(message);
    if (error || !wire_.has_sessions) return error;
    return std::make_error_code(std::errc::operation_in_progress);
  }
  [[nodiscard]] bool busy() const override { return wire_.busy; }
  void stop() override { wire_.stopped = true; }
  [[nodiscard]] bool lookup_running() const override { return false; }
  [[nodiscard]] std::uint64_t refusals() const override { return wire_.refusals; }
  [[nodiscard]] bool connected() const override { return wire_.connected; }
  [[nodiscard]] std::string peer() const override { return "fake"; }

 private:
  FakeWire& wire_;
};

/// Keeps what a source delivers.
class FakeSink : public FlowSink {
 public:
  void on_flow(Flow& flow) override { flows.push_back(flow); }
  void on_batch_end() override { ++batch_ends; }
  void on_checkpoint() override { ++checkpoints; }
  void on_source_end() override { source_ended = true; }

  std::vector<Flow> flows;
  int batch_ends = 0;
  int checkpoints = 0;
  bool source_ended = false;
};

/// Both clocks, moved by hand.
class FakeClock {
 public:
  void advance(std::chrono::nanoseconds duration) {
    now_.wall += duration;
    now_.steady += duration;
  }
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] Clock clock() {
    return [this] { return now_; };
  }

 private:
  Instant now_{TimePoint(std::chrono::seconds(1'700'000'000)),
               MonoTime(std::chrono::seconds(5000))};
};

}  // namespace ctflow::test
