// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/producer.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace ctflow::kafka {
namespace {

/// Between two clients, so that an error that each of them meets costs no more than this.
constexpr std::chrono::seconds kRenewal{5};
/// How long what a client had sent before a fatal error may still be acknowledged.
constexpr std::chrono::seconds kLastAnswers{5};
/// At the end: for lines that may be acknowledged within a moment …
constexpr std::chrono::milliseconds kFlush{500};
/// … for the reports of those that were purged, and for the threads.
constexpr std::chrono::milliseconds kPurge{300};
constexpr std::chrono::milliseconds kThreads{500};
constexpr std::chrono::milliseconds kTurn{20};

constexpr std::size_t kSpareLines = 4096;

FailureKind kind_of_failure(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kUnresolved:
      return FailureKind::kUnresolved;
    case ProblemKind::kRefused:
      return FailureKind::kRefused;
    case ProblemKind::kHandshake:
      return FailureKind::kHandshake;
    case ProblemKind::kTimeout:
      return FailureKind::kNoAnswer;
    case ProblemKind::kAllDown:
    case ProblemKind::kOther:
      break;
  }
  return FailureKind::kBroken;
}

int make_wake() {
  const int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return descriptor;
}

}  // namespace

struct Producer::Waiting {
  MessageContent content;
  std::size_t octets = 0;  ///< of the line
  TimePoint since;
  const Client* owner = nullptr;
  Lines::iterator self;
};

Producer::Producer(boost::asio::io_context& io, const ConnectionLogConfig& config,
                   ExportLedger& ledger, std::function<void()> brokers_changed)
    : config_(config),
      ledger_(ledger),
      brokers_changed_(std::move(brokers_changed)),
      wake_(make_wake()),
      readiness_(io, wake_.number()),
      again_(io),
      renew_(io),
      retire_(io) {
  made_ = std::chrono::steady_clock::now();
  client_ = std::make_unique<Client>(config_, wake_.number());
  ledger_.session_begun();
  watch();
}

Producer::~Producer() = default;

void Producer::watch() {
  readiness_.wait([this] { serve(); });
}

void Producer::serve() {
  std::uint64_t count = 0;
  const bool woken = read(wake_.number(), &count, sizeof count) > 0;
  static_cast<void>(woken);  // there may be more than what woke us, or less
  bool more = retired_ && serve_one(*retired_, {});
  more = (client_ && serve_one(*client_, {})) || more;
  if (fatal_) replace_client();
  if (more) {
    again_.soon([this] { serve(); });
  } else {
    watch();
  }
}

bool Producer::serve_one(Client& client, std::chrono::milliseconds patience) {
  serving_ = &client;
  const bool more = client.serve(*this, patience);
  serving_ = nullptr;
  return more;
}

void Producer::add(std::string_view key, std::string_view line, const MessageContent& content,
                   const Instant& now) {
  if (!client_ || octets_ + line.size() > config_.buffer) {
    ledger_.lost(client_ ? LossReason::kWouldBlock : LossReason::kSendError, content);
    return;
  }
  if (spare_.empty()) spare_.emplace_back();
  waiting_.splice(waiting_.end(), spare_, spare_.begin());
  Waiting& one = waiting_.back();
  one = {content, line.size(), now.wall, nullptr, std::prev(waiting_.end())};
  octets_ += one.octets;
  ledger_.wait(content);
  hand_over(key, line, one);
}

void Producer::hand_over(std::string_view key, std::string_view line, Waiting& waiting) {
  waiting.owner = client_.get();
  switch (client_->produce(key, line, &waiting)) {
    case Client::Taken::kYes:
      return;
    case Client::Taken::kFull:
      lose(waiting, LossReason::kWouldBlock);
      return;
    case Client::Taken::kRefused:
      note_refusal(client_->refusal());
      break;
    case Client::Taken::kFatal:
      if (serving_ != nullptr) {
        fatal_ = true;
        break;
      }
      replace_client();
      if (!client_) break;
      hand_over(key, line, waiting);  // once: without a pause a client was of use for a while
      return;
  }
  lose(waiting, LossReason::kSendError);
}

void Producer::on_delivery(const Delivery& delivery) {
  Waiting& waiting = *static_cast<Waiting*>(delivery.message);
  switch (delivery.outcome) {
    case Outcome::kAcknowledged:
      if (serving_ == client_.get()) note_connected();
      ledger_.sent_after_wait(waiting.content, waiting.octets);
      release(waiting);
      break;
    case Outcome::kTimedOut:
      lose(waiting, LossReason::kSpoolAge);
      break;
    case Outcome::kRefused:
      note_refusal(delivery.reason);
      lose(waiting, LossReason::kSendError);
      break;
    case Outcome::kUncertain:
      lose(waiting, LossReason::kUncertain);
      break;
    case Outcome::kNotSent:
      take_back(delivery, waiting);
      break;
  }
}

/// Not sent: ctflowd stops, or the client has failed, which is known now if not before.
void Producer::take_back(const Delivery& delivery, Waiting& waiting) {
  if (stopped_) {
    lose(waiting, LossReason::kStopped);
    return;
  }
  if (serving_ == client_.get()) replace_client();
  if (client_) {
    hand_over(delivery.key, delivery.value, waiting);
  } else {
    lose(waiting, LossReason::kSendError);
  }
}

void Producer::lose(Waiting& waiting, LossReason reason) {
  const MessageContent& content = waiting.content;
  ledger_.lost_after_wait(
      reason, {1, content.flows, content.data_records, content.packets, content.octets});
  release(waiting);
}

/// Those that this client has not reported.
void Producer::lose_all_of(const Client* client) {
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    Waiting& one = *next++;
    if (client == nullptr || one.owner == client) lose(one, LossReason::kUncertain);
  }
}

void Producer::release(Waiting& waiting) {
  octets_ -= waiting.octets;
  if (spare_.size() < kSpareLines) {
    spare_.splice(spare_.begin(), waiting_, waiting.self);
  } else {
    waiting_.erase(waiting.self);
  }
}

void Producer::on_fatal(const std::string& text) {
  last_failure_ = {FailureKind::kBroken, text, std::chrono::steady_clock::now()};
  if (fatal_log_.allow()) {
    log::error(
        "kafka_client_failed log={} topic={} error={} waiting_flows={} impact=\"another client "
        "takes "
        "over; lines that were sent and are not acknowledged count as lost_uncertain\" fix=\"see "
        "the error: what the brokers lost or forbid\" suppressed={}",
        config_.name, config_.topic, log::quoted(text), ledger_.counters().waiting.flows,
        fatal_log_.suppressed());
  }
  if (serving_ == client_.get() && !stopped_) replace_client();
}

void Producer::replace_client() {
  fatal_ = false;
  if (retired_) end_retired();
  retired_ = std::move(client_);
  connected_ = false;
  retire_.after(kLastAnswers, [this] { end_retired(); });
  const MonoTime earliest = made_ + kRenewal;
  if (std::chrono::steady_clock::now() >= earliest) {
    renew_client();
  } else {
    renew_.at(earliest, [this] { renew_client(); });
  }
}

void Producer::renew_client() {
  made_ = std::chrono::steady_clock::now();
  try {
    client_ = std::make_unique<Client>(config_, wake_.number());
    ledger_.session_begun();
  } catch (const std::exception& error) {  // a file of its settings, since the start
    last_failure_ = {FailureKind::kHandshake, error.what(), made_};
    log::error(
        "kafka_client_not_made log={} error={} impact=\"lines are lost\" fix=\"see the error; "
        "tried "
        "again every {} s\"",
        config_.name, log::quoted(error.what()), kRenewal.count());
    renew_.after(kRenewal, [this] { renew_client(); });
  }
}

void Producer::end_retired() {
  retire_.cancel();
  lose_all_of(retired_.get());
  retired_.reset();
}

void Producer::on_problem(ProblemKind kind, const std::string& text) {
  if (kind != ProblemKind::kAllDown) {
    last_failure_ = {kind_of_failure(kind), text, std::chrono::steady_clock::now()};
    return;
  }
  if (serving_ != client_.get()) return;
  connected_ = false;
  failing_ = true;
  // The reasons come before, broker by broker.
  if (last_failure_.kind == FailureKind::kNone) {
    last_failure_ = {FailureKind::kBroken, text, std::chrono::steady_clock::now()};
  }
  last_failure_.at = std::chrono::steady_clock::now();
  if (stopped_ || !failure_log_.allow()) return;
  log::error(
      "connection_log_failed log={} path={} doing=send error={} waiting_flows={} lost={} "
      "impact=\"lines wait in memory, up to buffer ({} octets), and beyond that are lost\" "
      "fix=\"start the brokers, or correct brokers and settings\" suppressed={}",
      config_.name, config_.topic, log::quoted(last_failure_.reason),
      ledger_.counters().waiting.flows, ledger_.counters().lost(), config_.buffer,
      failure_log_.suppressed());
}

void Producer::note_refusal(const char* reason) {
  last_failure_ = {FailureKind::kBroken, reason, std::chrono::steady_clock::now()};
  if (!refusal_log_.allow()) return;
  log::error(
      "connection_log_refused log={} topic={} error={} impact=\"lines are lost\" fix=\"make the "
      "topic, allow the user to write to it, or raise its max.message.bytes, as the error says\" "
      "suppressed={}",
      config_.name, config_.topic, log::quoted(reason), refusal_log_.suppressed());
}

void Producer::note_connected() {
  failing_ = false;
  if (connected_) return;
  connected_ = true;
  log::info("connection_log_continues log={} path={}", config_.name, config_.topic);
}

void Producer::on_statistics(std::size_t connected) {
  if (serving_ != client_.get()) return;
  if (connected > 0) note_connected();
}

void Producer::on_log(int level, const std::string& text) {
  constexpr int kWarning = 4;
  const bool asked = config_.settings.count("debug") > 0;
  if (!asked && (level > kWarning || !library_log_.allow())) return;
  const std::string quoted = log::quoted(text);
  if (level > kWarning) {
    log::info("kafka_library log={} text={}", config_.name, quoted);
  } else {
    log::warn("kafka_library log={} text={} suppressed={}", config_.name, quoted,
              library_log_.suppressed());
  }
}

void Producer::stop() {
  if (std::exchange(stopped_, true)) return;
  readiness_.cancel();
  again_.cancel();
  renew_.cancel();
  retire_.cancel();
  if (!failing_) drain(std::chrono::steady_clock::now() + kFlush);
  if (client_ && !waiting_.empty()) client_->purge();
  if (retired_ && !waiting_.empty()) retired_->purge();
  drain(std::chrono::steady_clock::now() + kPurge);
  lose_all_of(nullptr);
  const bool some_run = client_ && !client_->close(kThreads);
  const bool retired_run = retired_ && !retired_->close(kThreads);
  threads_running_ = some_run || retired_run;
  client_.reset();
  retired_.reset();
}

/// Takes reports until nothing waits.
void Producer::drain(MonoTime until) {
  while (!waiting_.empty() && std::chrono::steady_clock::now() < until) {
    if (retired_) serve_one(*retired_, client_ ? std::chrono::milliseconds(0) : kTurn);
    if (client_) serve_one(*client_, kTurn);
    if (!client_ && !retired_) return;
  }
}

std::optional<TimePoint> Producer::oldest() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.front().since;
}

std::vector<std::string> Producer::brokers() const {
  return client_ ? client_->brokers() : std::vector<std::string>{};
}

}  // namespace ctflow::kafka
