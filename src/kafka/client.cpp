// SPDX-License-Identifier: GPL-2.0-or-later
#include "kafka/client.hpp"

#include <librdkafka/rdkafka.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "ctflow/config.hpp"
#include "kafka/configure.hpp"

namespace ctflow::kafka {
namespace {

/// Events of one serve(): each has up to some thousands of deliveries.
constexpr int kEvents = 8;

constexpr std::size_t kMostBrokers = 64;

/// Without an error and without an offset librdkafka reports lines of which no broker has said
/// anything: their batch failed, a later one of the partition did not, and a broker takes none
/// before those that precede it. But one that knows nothing of the producer takes any.
Outcome outcome_of(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return message.offset == RD_KAFKA_OFFSET_INVALID ? Outcome::kUncertain : Outcome::kAcknowledged;
  }
  if (rd_kafka_message_status(&message) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED) {
    return Outcome::kUncertain;
  }
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
      return Outcome::kTimedOut;
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__DESTROY:
      return Outcome::kNotSent;
    default:
      return Outcome::kRefused;
  }
}

ProblemKind kind_of(rd_kafka_resp_err_t error, const std::string& text) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      return ProblemKind::kAllDown;
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return ProblemKind::kUnresolved;
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      return ProblemKind::kHandshake;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
      return ProblemKind::kTimeout;
    default:
      return text.find("refused") == std::string::npos ? ProblemKind::kOther
                                                       : ProblemKind::kRefused;
  }
}

/// Brokers that are connected, of librdkafka's statistics (STATISTICS.md). Its internal one, which
/// is no broker, may be there as connected.
std::size_t connected_of(const char* statistics) {
  const auto json = nlohmann::json::parse(statistics, nullptr, false);
  const auto brokers = json.find("brokers");
  if (json.is_discarded() || brokers == json.end()) return 0;
  return static_cast<std::size_t>(
      std::count_if(brokers->begin(), brokers->end(), [](const nlohmann::json& broker) {
        const auto has = [&broker](const char* key, const char* word) {
          const auto found = broker.find(key);
          return found != broker.end() && *found == word;
        };
        return has("state", "UP") && !has("source", "internal");
      }));
}

void write_one(int wake) {
  const std::uint64_t one = 1;
  const ssize_t written = ::write(wake, &one, sizeof one);
  static_cast<void>(written);  // full: it wakes as well
}

std::string text_of(const sockaddr& address, socklen_t length) {
  boost::asio::ip::tcp::endpoint endpoint;
  if (length > endpoint.capacity()) return "";
  std::memcpy(endpoint.data(), &address, length);
  endpoint.resize(length);
  std::ostringstream text;
  text << endpoint;
  return text.str();
}

}  // namespace

struct Client::Shared {
  explicit Shared(int descriptor) : wake(descriptor) {}

  mutable std::mutex mutex;
  int wake;                          ///< -1: threads may still connect, but it is not to be known
  bool fresh = false;                ///< there is a broker that on_broker() was not called for
  std::vector<std::string> brokers;  ///< the latest is the last

  void note(std::string broker) {
    if (broker.empty()) return;
    const std::scoped_lock lock(mutex);
    const auto known = std::find(brokers.begin(), brokers.end(), broker);
    const bool is_known = known != brokers.end();
    if (is_known) brokers.erase(known);
    if (brokers.size() >= kMostBrokers) brokers.erase(brokers.begin());
    brokers.push_back(std::move(broker));
    if (!is_known) fresh = true;
    if (!is_known && wake >= 0) write_one(wake);
  }

  bool take_fresh() {
    const std::scoped_lock lock(mutex);
    return std::exchange(fresh, false);
  }

  void forget_wake() {
    const std::scoped_lock lock(mutex);
    wake = -1;
  }

  /// In place of connect(2), in a thread of librdkafka.
  static int connect_broker(int socket, const sockaddr* address, int length, const char* /*id*/,
                            void* shared) {
    static_cast<Shared*>(shared)->note(text_of(*address, static_cast<socklen_t>(length)));
    if (::connect(socket, address, static_cast<socklen_t>(length)) == 0) return 0;
    return errno == EINPROGRESS ? 0 : errno;  // librdkafka waits for it
  }
};

Client::Client(const ConnectionLogConfig& config, int wake)
    : shared_(std::make_shared<Shared>(wake)) {
  OwnedProperties properties = configure(config);
  rd_kafka_conf_t* const all = properties.get();
  set_brokers(all, config);
  rd_kafka_conf_set_events(
      all, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS | RD_KAFKA_EVENT_LOG);
  rd_kafka_conf_set_opaque(all, shared_.get());
  rd_kafka_conf_set_connect_cb(all, &Shared::connect_broker);
  // A token is fetched by HTTP in a thread of librdkafka, not in serve().
  rd_kafka_conf_enable_sasl_queue(all, 1);
  std::array<char, 512> reason{};
  client_ = rd_kafka_new(RD_KAFKA_PRODUCER, all, reason.data(), reason.size());
  if (client_ == nullptr) throw std::runtime_error(std::string("librdkafka: ") + reason.data());
  (void)properties.release();  // the client's, now that there is one
  rd_kafka_error_destroy(rd_kafka_sasl_background_callbacks_enable(client_));
  rd_kafka_set_log_queue(client_, nullptr);
  topic_ = rd_kafka_topic_new(client_, config.topic.c_str(), nullptr);
  if (topic_ == nullptr) {
    const std::string why = rd_kafka_err2str(rd_kafka_last_error());
    rd_kafka_destroy(client_);
    throw std::runtime_error("librdkafka: topic " + config.topic + ": " + why);
  }
  queue_ = rd_kafka_queue_get_main(client_);
  const std::uint64_t one = 1;
  rd_kafka_queue_io_event_enable(queue_, wake, &one, sizeof one);
  // Only the first event in an empty queue wakes: what came before this, such as a warning of a
  // setting, would keep all that follow from doing so.
  write_one(wake);
}

Client::~Client() { close({}); }

bool Client::close(std::chrono::milliseconds patience) {
  if (client_ != nullptr) {
    rd_kafka_queue_io_event_enable(queue_, -1, nullptr, 0);
    shared_->forget_wake();
    rd_kafka_queue_destroy(queue_);
    rd_kafka_topic_destroy(topic_);
    ending_.start("kafka-end", [client = std::exchange(client_, nullptr), shared = shared_] {
      rd_kafka_destroy(client);
    });
  }
  return ending_.ended_within(patience);
}

Client::Taken Client::produce(std::string_view key, std::string_view value, void* message) {
  // librdkafka does not change what it copies.
  void* const payload = const_cast<char*>(value.data());  // NOLINT(*-const-cast)
  if (rd_kafka_produce(topic_, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload, value.size(),
                       key.data(), key.size(), message) == 0) {
    return Taken::kYes;
  }
  refusal_ = rd_kafka_err2str(rd_kafka_last_error());
  switch (rd_kafka_last_error()) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return Taken::kFull;
    case RD_KAFKA_RESP_ERR__FATAL:
      return Taken::kFatal;
    default:
      return Taken::kRefused;
  }
}

bool Client::serve(ClientEvents& to, std::chrono::milliseconds patience) {
  if (shared_->take_fresh()) to.on_broker();
  for (int i = 0; i < kEvents; ++i) {
    const int wait = i == 0 ? static_cast<int>(patience.count()) : 0;
    rd_kafka_event_t* const event = rd_kafka_queue_poll(queue_, wait);
    if (event == nullptr) return false;
    hand_over(event, to);
    rd_kafka_event_destroy(event);
  }
  return true;
}

void Client::hand_over(rd_kafka_op_s* event, ClientEvents& to) {
  switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_DR:
      hand_over_deliveries(event, to);
      break;
    case RD_KAFKA_EVENT_ERROR:
      hand_over_error(event, to);
      break;
    case RD_KAFKA_EVENT_STATS:
      to.on_statistics(connected_of(rd_kafka_event_stats(event)));
      break;
    case RD_KAFKA_EVENT_LOG: {
      const char* facility = nullptr;
      const char* text = nullptr;
      int level = 0;
      if (rd_kafka_event_log(event, &facility, &text, &level) == 0) {
        to.on_log(level, std::string(facility) + ": " + text);
      }
      break;
    }
    default:
      break;
  }
}

void Client::hand_over_deliveries(rd_kafka_op_s* event, ClientEvents& to) {
  while (const rd_kafka_message_t* const one = rd_kafka_event_message_next(event)) {
    to.on_delivery({one->_private,
                    outcome_of(*one),
                    rd_kafka_err2str(one->err),
                    {static_cast<const char*>(one->key), one->key_len},
                    {static_cast<const char*>(one->payload), one->len}});
  }
}

void Client::hand_over_error(rd_kafka_op_s* event, ClientEvents& to) {
  const rd_kafka_resp_err_t error = rd_kafka_event_error(event);
  if (error == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event) != 0) {
    std::array<char, 512> text{};
    const rd_kafka_resp_err_t why = rd_kafka_fatal_error(client_, text.data(), text.size());
    to.on_fatal(std::string(rd_kafka_err2name(why)) + ": " + text.data());
    return;
  }
  const char* const said = rd_kafka_event_error_string(event);
  const std::string text = said == nullptr ? rd_kafka_err2str(error) : said;
  to.on_problem(kind_of(error, text), text);
}

void Client::purge() {
  rd_kafka_purge(
      client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

std::vector<std::string> Client::brokers() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->brokers;
}

}  // namespace ctflow::kafka
