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

/// Lines of the spool that are handed over at once: events of the kernel do not wait.
constexpr int kAtOnce = 256;
constexpr int kBeside = 2;  ///< … for each that comes, so that what waits gets fewer
/// How often is looked for lines that have been on their way for a second.
constexpr std::chrono::milliseconds kSecure{200};

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

Producer::Producer(boost::asio::io_context& io, const ConnectionLogConfig& config, KeyOf key_of,
                   ExportLedger& ledger, std::function<void()> brokers_changed, SpoolFiles* files)
    : config_(config),
      key_of_(key_of),
      ledger_(ledger),
      brokers_changed_(std::move(brokers_changed)),
      wake_(make_wake()),
      readiness_(io, wake_.number()),
      again_(io),
      renew_(io),
      retire_(io),
      pump_(io),
      work_(io),
      secure_(io),
      lines_(config, ledger, files) {
  made_ = std::chrono::steady_clock::now();
  client_ = std::make_unique<Client>(config_, wake_.number());
  ledger_.session_begun();
  watch();
  work();
}

Producer::~Producer() {
  if (lines_.has_spool()) stop();
}

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
  pump(kAtOnce);
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
  lines_.give_back();
  return more;
}

void Producer::add(std::string_view line, const MessageContent& content, const Instant& now) {
  if (lines_.has_spool()) {
    lines_.keep(line, content);
    pump(kBeside);
    return;
  }
  Line* const one = client_ ? lines_.begin(line, content, now) : nullptr;
  if (one != nullptr) {
    hand_over(line, *one);
  } else {
    ledger_.lost(client_ ? LossReason::kWouldBlock : LossReason::kSendError, content);
  }
}

void Producer::pump(int most) {
  if (!lines_.has_spool() || stopped_) return;
  settling_ = settling_ && !lines_.empty();
  if (settling_) return;
  for (int i = 0; client_; ++i) {
    if (i == most) {
      pump_later();
      break;
    }
    Line* const one = lines_.next();
    if (one == nullptr) break;
    const auto* const text = reinterpret_cast<const char*>(one->message.bytes.data());
    if (!hand_over({text, one->octets}, *one)) break;
  }
  secure_later();
}

void Producer::pump_later() {
  if (std::exchange(pumping_, true)) return;
  pump_.soon([this] {
    pumping_ = false;
    pump(kAtOnce);
  });
}

void Producer::work() {
  if (!lines_.has_spool()) return;
  work_.after(lines_.work(), [this] { work(); });
  pump(kAtOnce);
}

void Producer::secure_later() {
  if (securing_ || lines_.empty()) return;
  securing_ = true;
  secure_.after(kSecure, [this] {
    securing_ = false;
    lines_.secure_overdue();
    secure_later();
  });
}

bool Producer::hand_over(std::string_view line, Line& waiting) {
  waiting.owner = client_.get();
  switch (client_->produce(key_of_(line), line, &waiting)) {
    case Client::Taken::kYes:
      return true;
    case Client::Taken::kFull:
      if (!lines_.has_spool()) {
        lines_.lose(waiting, LossReason::kWouldBlock);
      } else {
        lines_.not_sent(waiting);
        lines_.give_back();
      }
      return false;
    case Client::Taken::kRefused:
      note_refusal(client_->refusal());
      break;
    case Client::Taken::kFatal:
      return meet_fatal(line, waiting);
  }
  lines_.lose(waiting, LossReason::kSendError);
  return true;
}

bool Producer::meet_fatal(std::string_view line, Line& waiting) {
  if (lines_.has_spool()) {
    lines_.not_sent(waiting);
    lines_.give_back();
    replace_client();
    return false;
  }
  if (serving_ != nullptr) {
    fatal_ = true;
  } else {
    replace_client();
    // Once: without a pause a client was of use for a while.
    if (client_) return hand_over(line, waiting);
  }
  lines_.lose(waiting, LossReason::kSendError);
  return false;
}

void Producer::on_delivery(const Delivery& delivery) {
  Line& waiting = *static_cast<Line*>(delivery.message);
  switch (delivery.outcome) {
    case Outcome::kAcknowledged:
      if (serving_ == client_.get()) note_connected();
      lines_.sent(waiting);
      break;
    case Outcome::kTimedOut:
      lines_.lose(waiting, LossReason::kSpoolAge);
      break;
    case Outcome::kRefused:
      note_refusal(delivery.reason);
      lines_.lose(waiting, LossReason::kSendError);
      break;
    case Outcome::kUncertain:
      lines_.lose(waiting, LossReason::kUncertain);
      break;
    case Outcome::kNotSent:
      take_back(delivery, waiting);
      break;
  }
}

/// Not sent: ctflowd stops, or the client has failed, which is known now if not before.
void Producer::take_back(const Delivery& delivery, Line& waiting) {
  if (lines_.has_spool()) {
    lines_.not_sent(waiting);
    if (!stopped_ && serving_ == client_.get()) replace_client();
    return;
  }
  if (stopped_) {
    lines_.lose(waiting, LossReason::kStopped);
    return;
  }
  if (serving_ == client_.get()) replace_client();
  if (client_) {
    hand_over(delivery.value, waiting);
  } else {
    lines_.lose(waiting, LossReason::kSendError);
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
  settling_ = true;
  set_connected(false);
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
    pump_later();  // not at once: an error may have been met while lines were handed over
  } catch (const std::exception& error) {  // a file of its settings, since the start
    last_failure_ = {FailureKind::kHandshake, error.what(), made_};
    log::error(
        "kafka_client_not_made log={} error={} impact=\"lines {}\" fix=\"see the error; tried "
        "again every {} s\"",
        config_.name, log::quoted(error.what()),
        lines_.has_spool() ? "wait in spool.directory" : "are lost", kRenewal.count());
    renew_.after(kRenewal, [this] { renew_client(); });
  }
}

void Producer::end_retired() {
  retire_.cancel();
  lines_.lose_all_of(retired_.get());
  retired_.reset();
  pump_later();
}

void Producer::on_problem(ProblemKind kind, const std::string& text) {
  if (kind != ProblemKind::kAllDown) {
    last_failure_ = {kind_of_failure(kind), text, std::chrono::steady_clock::now()};
    return;
  }
  if (serving_ != client_.get()) return;
  set_connected(false);
  failing_ = true;
  // The reasons come before, broker by broker.
  if (last_failure_.kind == FailureKind::kNone) {
    last_failure_ = {FailureKind::kBroken, text, std::chrono::steady_clock::now()};
  }
  last_failure_.at = std::chrono::steady_clock::now();
  if (stopped_ || !failure_log_.allow()) return;
  log::error(
      "connection_log_failed log={} path={} doing=send error={} waiting_flows={} lost={} "
      "impact=\"lines wait in {} octets), and beyond that {}are lost\" "
      "fix=\"start the brokers, or correct brokers and settings\" suppressed={}",
      config_.name, config_.topic, log::quoted(last_failure_.reason),
      ledger_.counters().waiting.flows, ledger_.counters().lost(),
      lines_.has_spool() ? fmt::format("spool.directory, up to spool.size ({}", config_.spool.size)
                         : fmt::format("memory, up to buffer ({}", config_.buffer),
      lines_.has_spool() ? "the oldest " : "", failure_log_.suppressed());
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

/// For the spool: what comes while no line leaves is written to disk at once.
void Producer::set_connected(bool connected) {
  connected_ = connected;
  lines_.set_connected(connected);
}

void Producer::note_connected() {
  failing_ = false;
  if (connected_) return;
  set_connected(true);
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
  for (Timer* const timer : {&again_, &renew_, &retire_, &pump_, &work_, &secure_}) timer->cancel();
  if (!failing_) drain(std::chrono::steady_clock::now() + kFlush);
  if (lines_.has_spool()) lines_.secure_at_stop();
  if (client_ && !lines_.empty()) client_->purge();
  if (retired_ && !lines_.empty()) retired_->purge();
  drain(std::chrono::steady_clock::now() + kPurge);
  lines_.lose_all_of(nullptr);
  lines_.stop();
  const bool some_run = client_ && !client_->close(kThreads);
  const bool retired_run = retired_ && !retired_->close(kThreads);
  threads_running_ = some_run || retired_run;
  client_.reset();
  retired_.reset();
}

/// Takes reports until nothing is on its way.
void Producer::drain(MonoTime until) {
  while (!lines_.empty() && std::chrono::steady_clock::now() < until) {
    if (retired_) serve_one(*retired_, client_ ? std::chrono::milliseconds(0) : kTurn);
    if (client_) serve_one(*client_, kTurn);
    if (!client_ && !retired_) return;
  }
}

std::vector<std::string> Producer::brokers() const {
  return client_ ? client_->brokers() : std::vector<std::string>{};
}

}  // namespace ctflow::kafka
