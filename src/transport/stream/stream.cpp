// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/stream.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <limits>
#include <utility>

#include "transport/address/socket_options.hpp"
#include "transport/spool/spool_names.hpp"
#include "transport/stream/stream_position.hpp"

namespace ctflow {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kBatch = 65'536;  ///< octets given to the kernel at once
constexpr std::chrono::milliseconds kPollInterval{20};
constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

}  // namespace

StreamTransport::StreamTransport(boost::asio::io_context& io, const CollectorConfig& config,
                                 Dialer::Make make, ExportLedger& ledger, Backoff backoff,
                                 Clock clock, Framing framing)
    : framing_(framing),
      config_(config),
      clock_(std::move(clock)),
      ledger_(ledger),
      backoff_(std::move(backoff)),
      dialer_(io, config, std::move(make)),
      spool_(framing == Framing::kLines ? lines_spool_name(config.name) : config.name, config.spool,
             ledger, clock_),
      dial_timer_(io),
      poll_timer_(io),
      rate_timer_(io),
      work_timer_(io) {}

// As that of a reload which comes to nothing: what it took from disk goes back there.
StreamTransport::~StreamTransport() { stop(); }

void StreamTransport::begin_with(std::vector<CountedMessage> messages) {
  origin_ = make_origin(std::move(messages));
  work();
  dial();
}

void StreamTransport::work() {
  const auto again = spool_.work();
  if (!again) return;
  work_timer_.after(*again, [this] { work(); });
  pump();
}

void StreamTransport::dial() {
  dialer_.dial([this](const DialResult& result) { on_dialed(result); });
}

void StreamTransport::dial_later() {
  dial_timer_.after(backoff_.next(), [this] { dial(); });
}

void StreamTransport::on_dialed(const DialResult& result) {
  if (result.connection) {
    connection_ = result.connection;
    certificates_ = connection_->certificates();
    connection_->may_refuse_late() ? let_settle(result.took) : begin_session();
    return;
  }
  untried_ = false;
  if (result.failure == FailureKind::kRefused) ++refusals_;
  note_failure(result.failure, result.error);
  if (connect_log_.allow()) {
    log::warn(
        "collector_unreachable collector={} peer={} error={} suppressed={} impact=\"flow reports "
        "wait in the spool; when it is full the oldest are lost\" fix=\"start the collector, or "
        "correct its address and port; ctflowd doctor checks the way\"",
        config_.name, dialer_.peer(), log::quoted(result.error), connect_log_.suppressed());
  }
  spool_.set_connected(false);
  dial_later();
}

void StreamTransport::let_settle(steady_clock::duration round_trips) {
  constexpr steady_clock::duration kShortest = std::chrono::milliseconds(100);
  await_end();
  dial_timer_.after(std::max(kShortest, round_trips), [this] { begin_session(); });
}

void StreamTransport::begin_session() {
  spool_.open();
  if (!held_) held_ = spool_.next();
  session_origin_ = held_ ? held_->origin : origin_;
  replaying_ = held_.has_value();
  allowance_ = 0;
  allowed_at_ = clock_().steady;
  changing_ = false;
  sequence_ = {};
  flying_octets_ = 0;
  secured_ = 0;
  aborts_ = false;
  const std::optional<StreamPosition> position = position_of(connection_->socket().native_handle());
  position_ = written_ = position ? position->written : 0;
  std::vector<std::byte>& out = connection_->out;
  out.clear();
  for (const CountedMessage& first : session_origin_->first_messages) {
    const std::size_t at = out.size();
    out.insert(out.end(), first.bytes.begin(), first.bytes.end());
    sequence_.stamp(std::span(out).subspan(at), first.content, kFirstMessages, clock_().wall);
    ledger_.sent(first.content, first.bytes.size());
  }
  in_session_ = true;
  untried_ = false;
  new_session_ = true;
  ledger_.session_begun();
  log::info("collector_connected collector={} peer={} waiting_flows={}", config_.name,
            dialer_.peer(), ledger_.counters().waiting.flows);
  if (!connection_->may_refuse_late()) await_end();  // else it is awaited already
  spool_.set_connected(true);
  write(0);
}

void StreamTransport::await_end() {
  connection_->read(
      of_connection_.guard([this, connection = connection_](const Error& error, std::size_t) {
        if (error) {
          on_broken(connection->reason(error));
        } else {
          await_end();
        }
      }));
}

void StreamTransport::send(std::span<const std::byte> message, const MessageContent& content) {
  spool_.add({message.begin(), message.end()}, content, origin_);
  pump();
}

bool StreamTransport::may_send_now() {
  if (!replaying_ || config_.spool.rate == 0) return true;
  const auto now = clock_().steady;
  const auto rate = static_cast<double>(config_.spool.rate);
  // What was saved up in a pause is spent at once, up to a tenth of a second's worth.
  allowance_ = std::min(
      allowance_ + rate * std::chrono::duration<double>(now - allowed_at_).count(), rate / 10);
  allowed_at_ = now;
  if (allowance_ > 0) return true;
  rate_timer_.after(std::chrono::milliseconds(10), [this] { pump(); });
  return false;
}

std::optional<KeptMessage> StreamTransport::next_message() {
  std::optional<KeptMessage> message = held_ ? std::exchange(held_, std::nullopt) : spool_.next();
  if (!message) {
    replaying_ = false;
    return message;
  }
  // Of a large spool some is read only after the session began.
  if (message->place) replaying_ = true;
  if (message->origin == session_origin_ || same_session(*message->origin, *session_origin_)) {
    return message;
  }
  held_ = std::move(message);
  changing_ = true;
  return std::nullopt;
}

void StreamTransport::pump() {
  if (!in_session_ || writing_) return;
  poll_acknowledgements();
  if (changing_ && flying_.empty()) {
    change_session();
    return;
  }
  std::vector<std::byte>& out = connection_->out;
  out.clear();
  std::size_t batch = 0;
  while (!changing_ && out.size() < kBatch && flying_octets_ < config_.spool.memory / 2 &&
         may_send_now()) {
    std::optional<KeptMessage> message = next_message();
    if (!message) break;
    const std::size_t at = out.size();
    out.insert(out.end(), message->bytes.begin(), message->bytes.end());
    if (framing_ == Framing::kIpfix) {
      sequence_.stamp(std::span(out).subspan(at), message->content, message->origin->run,
                      clock_().wall);
    }
    const std::uint64_t begin = position_ + at;
    const std::uint64_t end = connection_->conceals_length() ? kUnknown : position_ + out.size();
    flying_octets_ += message->bytes.size();
    allowance_ -= static_cast<double>(message->bytes.size());
    flying_.push_back({*std::move(message), begin, end});
    ++batch;
    if (connection_->conceals_length()) break;
  }
  if (batch > 0) write(batch);
  if (!flying_.empty() || changing_) poll_later();
}

void StreamTransport::write(std::size_t batch) {
  writing_ = true;
  position_ += connection_->out.size();
  connection_->write(of_connection_.guard(
      // The handler holds the buffer until the write has ended, also when its result is not used.
      [this, connection = connection_, batch](const Error& error, std::size_t octets) {
        on_written(error, octets, batch);
      }));
}

void StreamTransport::on_written(const Error& error, std::size_t octets, std::size_t batch) {
  writing_ = false;
  written_ += octets;
  if (error) {
    on_broken(connection_->reason(error));
    return;
  }
  if (connection_->conceals_length()) {
    const std::optional<StreamPosition> position =
        position_of(connection_->socket().native_handle());
    if (position) position_ = written_ = position->written;
    if (batch > 0) flying_.back().end = written_;
  }
  // Those that were acknowledged meanwhile are not among them any more.
  const std::size_t first = flying_.size() - std::min(batch, flying_.size());
  for (std::size_t i = std::max(first, secured_); i < flying_.size(); ++i) {
    spool_.handed_over(flying_[i].message);
  }
  pump();
}

void StreamTransport::poll_acknowledgements() {
  if (flying_.empty()) return;
  const std::optional<StreamPosition> position = position_of(connection_->socket().native_handle());
  // Without the answer of the kernel (before 4.1) what it took counts as sent.
  std::uint64_t arrived = position ? position->acknowledged : written_;
  if (is_unix_socket(config_) && !all_was_read(connection_->socket().native_handle())) arrived = 0;
  if (position) written_ = std::max(written_, position->written);  // also within a write
  while (!flying_.empty() && flying_.front().end <= arrived) {
    flying_octets_ -= flying_.front().message.bytes.size();
    spool_.sent(flying_.front().message);
    flying_.pop_front();
    if (secured_ > 0) --secured_;
    backoff_.reset();
  }
  if (secured_ == 0 && !stopped_) abort_on_close(false);
}

void StreamTransport::secure_overdue() {
  while (secured_ < flying_.size() && spool_.overdue(flying_[secured_].message) &&
         spool_.secure(flying_[secured_].message)) {
    ++secured_;
  }
  if (secured_ > 0) abort_on_close(true);
  spool_.secure_waiting();
}

bool StreamTransport::secure_at_stop() {
  if (config_.spool.directory.empty()) return false;
  while (secured_ < flying_.size() && spool_.secure_at_stop(flying_[secured_].message)) ++secured_;
  return secured_ == flying_.size();
}

void StreamTransport::abort_on_close(bool abort) {
  if (std::exchange(aborts_, abort) == abort) return;
  Error ignored;
  const linger option{abort ? 1 : 0, 0};
  set_option(connection_->socket(), SOL_SOCKET, SO_LINGER, &option, sizeof option, ignored);
}

void StreamTransport::poll_later() {
  if (polling_) return;
  polling_ = true;
  poll_timer_.after(kPollInterval, [this] {
    polling_ = false;
    pump();
    if (in_session_ && writing_) poll_acknowledgements();
    if (in_session_) secure_overdue();
    if (in_session_ && (!flying_.empty() || changing_)) poll_later();
  });
}

void StreamTransport::change_session() {
  log::info("session_changed collector={} reason=\"what waits on disk has other templates\"",
            config_.name);
  connection_->say_goodbye();
  disconnect();
  dial();
}

void StreamTransport::disconnect() {
  // What was acknowledged until now has arrived, the rest is for the next connection.
  poll_acknowledgements();
  if (held_) spool_.put_back(*std::exchange(held_, std::nullopt));
  std::deque<KeptMessage> unknown;
  std::size_t left = 0;
  for (Flying& one : flying_) {
    if (one.begin < written_ || one.end == kUnknown) ++left;
    unknown.push_back(std::move(one.message));
  }
  flying_.clear();
  spool_.give_back(std::move(unknown), left);
  of_connection_.revoke();
  dial_timer_.cancel();  // of let_settle()
  connection_->close();
  connection_.reset();
  in_session_ = writing_ = untried_ = false;
  spool_.set_connected(false);
}

void StreamTransport::note_failure(FailureKind kind, const std::string& reason) {
  last_failure_ = {kind, reason, clock_().steady};
}

Backlog StreamTransport::backlog() const {
  Backlog backlog = spool_.backlog();
  const auto waits_since = [&](TimePoint kept) {
    if (!backlog.oldest || kept < *backlog.oldest) backlog.oldest = kept;
  };
  if (!flying_.empty()) waits_since(flying_.front().message.kept);
  if (held_) waits_since(held_->kept);
  return backlog;
}

void StreamTransport::on_broken(const std::string& reason) {
  // A peer that ends the connection before the session began refused the handshake.
  note_failure(in_session_ ? FailureKind::kBroken : FailureKind::kHandshake, reason);
  const std::uint64_t resent = ledger_.counters().resent.messages;
  disconnect();
  if (broken_log_.allow()) {
    log::warn(
        "collector_disconnected collector={} peer={} error={} waiting_flows={} sent_again={} "
        "suppressed={} impact=\"what was not acknowledged is sent again, some of it perhaps "
        "twice\" fix=\"see the log of the collector; ctflowd connects again\"",
        config_.name, dialer_.peer(), log::quoted(reason), ledger_.counters().waiting.flows,
        ledger_.counters().resent.messages - resent, broken_log_.suppressed());
  }
  dial_later();
}

bool StreamTransport::busy() const {
  if (stopped_) return false;
  if (in_session_) return held_.has_value() || !flying_.empty() || !spool_.empty();
  // The first attempt is waited for, and so is a peer that may refuse late.
  return connection_ != nullptr || untried_;
}

void StreamTransport::stop() {
  if (std::exchange(stopped_, true)) return;
  dialer_.cancel();
  dial_timer_.cancel();
  poll_timer_.cancel();
  rate_timer_.cancel();
  work_timer_.cancel();
  if (connection_) {
    poll_acknowledgements();
    // What waits on disk for the next start the kernel must not deliver as well; what the disk does
    // not take it must.
    const bool waits_on_disk = !flying_.empty() && secure_at_stop();
    abort_on_close(waits_on_disk);
    if (!waits_on_disk && !writing_) connection_->say_goodbye();
    disconnect();
  }
  spool_.stop();
}

}  // namespace ctflow
