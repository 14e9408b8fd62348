// SPDX-License-Identifier: GPL-2.0-or-later
// Fakes at the seams: a transport that keeps what it was given, a clock that stands still.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/flow_source.hpp"
#include "ctflow/transport.hpp"

namespace ctflow::test {

/// What a fake transport was given and what it answers; outlives the transport itself.
struct FakeWire {
  std::vector<std::vector<std::byte>> messages;
  SendResult answer = SendResult::sent();  ///< of send(); messages that fail are not kept
  bool new_peer = true;                    ///< of the next prepare()
  bool stale = false;                      ///< the next send() replaces its socket
  int stale_in = 0;                        ///< 1: the next send() does so, 2: the one after it, …
  std::size_t at_once = 1;                 ///< messages that send_together() takes
  bool takes_together = true;              ///< what it answers
  std::vector<std::size_t> together;       ///< octets given to each call that it took
  SendResult after_stale = SendResult::sent();
  std::size_t longest = 100'000;
  int prepared = 0;
  std::uint64_t refusals = 0;
  bool connected = true;
  std::vector<CountedMessage> session_start;  ///< of begin_with()
  std::vector<MessageContent> contents;       ///< of the messages of sessions
  bool busy = false;
  bool stopped = false;
};

class FakeDatagrams : public DatagramTransport {
 public:
  explicit FakeDatagrams(FakeWire& wire) : wire_(wire) {}

  bool prepare() override {
    ++wire_.prepared;
    return std::exchange(wire_.new_peer, false);
  }
  SendResult send(std::span<const std::byte> message) override {
    if (wire_.stale_in > 0 && --wire_.stale_in == 0) wire_.stale = true;
    if (std::exchange(wire_.stale, false)) {
      wire_.new_peer = true;
      wire_.answer = wire_.after_stale;
      return SendResult::again();
    }
    if (wire_.answer.is_sent()) wire_.messages.emplace_back(message.begin(), message.end());
    return wire_.answer;
  }
  [[nodiscard]] std::size_t messages_at_once() const override { return wire_.at_once; }
  bool send_together(std::span<const std::byte> messages, std::size_t length) override {
    if (!wire_.takes_together) return false;
    wire_.together.push_back(messages.size());
    while (!messages.empty()) {
      const auto one = messages.first(std::min(length, messages.size()));
      wire_.messages.emplace_back(one.begin(), one.end());
      messages = messages.subspan(one.size());
    }
    return true;
  }
  [[nodiscard]] std::size_t longest_message() const override { return wire_.longest; }
  [[nodiscard]] std::uint64_t refusals() const override { return wire_.refusals; }
  [[nodiscard]] bool connected() const override { return wire_.connected; }
  [[nodiscard]] TransportStatus status() const override { return {"fake", {}, {}, {}}; }

 private:
  FakeWire& wire_;
};

/// Enters nothing in its ledger.
class FakeSessions : public SessionTransport {
 public:
  explicit FakeSessions(FakeWire& wire) : wire_(wire) {}

  void begin_with(std::vector<CountedMessage> messages) override {
    wire_.session_start = std::move(messages);
  }
  bool prepare() override { return std::exchange(wire_.new_peer, false); }
  void send(std::span<const std::byte> message, const MessageContent& content) override {
    wire_.messages.emplace_back(message.begin(), message.end());
    wire_.contents.push_back(content);
  }
  [[nodiscard]] bool busy() const override { return wire_.busy; }
  void stop() override { wire_.stopped = true; }
  [[nodiscard]] bool connected() const override { return wire_.connected; }
  [[nodiscard]] TransportStatus status() const override { return {"fake", {}, {}, {}}; }

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
