// SPDX-License-Identifier: GPL-2.0-or-later
// Translated connections, and a log in a directory of its own with a clock that tests set.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nat_log/endpoint_text.hpp"
#include "nat_log/look_up.hpp"
#include "nat_log/map_source.hpp"
#include "nat_log/store.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow::test {

inline nat::Endpoint endpoint(const std::string& text) { return nat::parse_endpoint(text).value(); }

inline TimePoint at(const std::string& text) { return nat::parse_time(text).value(); }

inline Tuple tuple(const std::string& from, const std::string& to, std::uint8_t protocol = 6) {
  const nat::Endpoint source = endpoint(from);
  const nat::Endpoint destination = endpoint(to);
  Tuple result;
  result.source = source.address;
  result.destination = destination.address;
  result.source_port = source.port.value_or(0);
  result.destination_port = destination.port.value_or(0);
  result.family = source.family;
  result.protocol = protocol;
  return result;
}

/// `inside` goes out to `remote` as `as`.
inline Flow source_nat(std::uint32_t id, const std::string& inside, const std::string& remote,
                       const std::string& as, std::uint8_t protocol = 6) {
  Flow flow;
  flow.original = tuple(inside, remote, protocol);
  flow.reply = tuple(remote, as, protocol);
  flow.id = id;
  flow.status = status::kSourceNat;
  return flow;
}

/// `remote` comes in to `as`, which is `inside`.
inline Flow destination_nat(std::uint32_t id, const std::string& remote, const std::string& as,
                            const std::string& inside) {
  Flow flow;
  flow.original = tuple(remote, as);
  flow.reply = tuple(inside, remote);
  flow.id = id;
  flow.status = status::kDestinationNat;
  return flow;
}

/// The entry `inside : address . first-last`.
inline nat::MapEntry map_entry(const std::string& inside, const std::string& address,
                               std::uint16_t first, std::uint16_t last, std::int16_t protocol = 6) {
  nat::MapEntry entry;
  entry.inside = endpoint(inside).address;
  entry.public_address = endpoint(address).address;
  entry.family = endpoint(address).family;
  entry.first_port = first;
  entry.last_port = last;
  entry.protocol = protocol;
  return entry;
}

/// Says what a test wants it to say of the ruleset.
class MapsOfTest : public nat::MapSource {
 public:
  explicit MapsOfTest(const nat::MapsNow& now) : now_(now) {}
  nat::MapsNow look() override { return now_; }

 private:
  const nat::MapsNow& now_;
};

/// A store without a thread. The two clocks go together unless a test sets one.
class NatLogFixture {
 public:
  explicit NatLogFixture(const std::string& now = "2026-11-23T10:00:00Z") { now_.wall = at(now); }

  NatLogConfig config() const {
    NatLogConfig result;
    result.directory = directory_.name();
    result.retention = retention;
    result.destination = destination;
    return result;
  }

  /// Another process: what was not written is gone.
  void start() {
    store_.reset();
    store_ = std::make_unique<nat::Store>(
        config(),
        [this](const std::function<void(const Flow&)>& take) {
          ++readings;
          pass(reading_takes);
          for (const Flow& flow : table) take(flow);
          return table_error;
        },
        [this] { return now_; }, exceptions ? std::make_unique<MapsOfTest>(maps) : nullptr, feed);
    store_->set_listening_since(nat::moment_of(now_.wall));
    store_->write({});
  }
  void kill() { store_.reset(); }

  /// What was to be written is lost.
  void forget_events() { events_.clear(); }

  void pass(std::chrono::nanoseconds time) {
    now_.wall += time;
    now_.steady += time;
  }
  void set_clock(const std::string& to) { now_.wall = at(to); }
  [[nodiscard]] nat::Moment now() const { return nat::moment_of(now_.wall); }

  void begin(const Flow& flow) { add(flow, nat::NatEvent::Kind::kBegin); }
  void end(const Flow& flow) { add(flow, nat::NatEvent::Kind::kEnd); }
  void hole(nat::HoleReason reason) {
    nat::NatEvent event;
    event.kind = nat::NatEvent::Kind::kHole;
    event.reason = reason;
    event.began = now();
    events_.push_back(event);
  }
  void tell(nat::NatEvent::Kind kind) {
    nat::NatEvent event;
    event.kind = kind;
    events_.push_back(event);
  }
  void write() {
    store_->write(events_);
    events_.clear();
  }

  nat::Answer ask(const std::string& who, const std::string& time, const std::string& remote = "",
                  std::uint8_t protocol = 6) {
    nat::Question question;
    question.who = endpoint(who);
    question.at = nat::moment_of(at(time));
    question.protocol = protocol;
    if (!remote.empty()) question.remote = endpoint(remote);
    question.now = now();
    return nat::look_up(directory_.name(), question);
  }

  /// The ruleset has these entries from now on, and is read at once.
  void set_maps(const std::vector<nat::MapEntry>& entries) {
    maps.state = nat::MapsNow::State::kCurrent;
    maps.reading.maps = std::make_shared<const nat::StaticMaps>(
        std::vector<nat::UsedMap>{{"map ip nat test", entries}});
    maps.reading.since = now();
  }

  nat::Store& store() { return *store_; }
  [[nodiscard]] std::string directory() const { return directory_.name(); }

  bool destination = false;
  bool exceptions = false;  ///< log: exceptions
  nat::Feed feed;
  nat::MapsNow maps;
  std::chrono::days retention{30};
  std::vector<Flow> table;  ///< the kernel's
  std::error_code table_error{};
  std::chrono::milliseconds reading_takes{0};
  int readings = 0;

 private:
  void add(const Flow& flow, nat::NatEvent::Kind kind) {
    std::array<nat::Translation, 2> found;
    const std::size_t count = nat::translations_of(flow, found);
    for (std::size_t i = 0; i < count; ++i) {
      nat::NatEvent event;
      event.translation = found[i];
      event.kind = kind;
      event.began = kind == nat::NatEvent::Kind::kBegin ? now() : nat::moment_of(flow.start);
      event.knows_begin = flow.present.start;
      event.ended = flow.removed != TimePoint{} ? nat::moment_of(flow.removed) : now();
      events_.push_back(event);
    }
  }

  TemporaryDirectory directory_;
  Instant now_{};
  std::unique_ptr<nat::Store> store_;
  std::vector<nat::NatEvent> events_;
};

}  // namespace ctflow::test
