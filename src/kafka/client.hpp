// SPDX-License-Identifier: GPL-2.0-or-later
// An idempotent producer of librdkafka with its threads, of which none calls anything of ours but
// what notes the addresses of brokers: all else is an event that serve() fetches.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "process/detached_thread.hpp"

struct rd_kafka_s;
struct rd_kafka_topic_s;
struct rd_kafka_queue_s;
struct rd_kafka_op_s;

namespace ctflow {

struct ConnectionLogConfig;

namespace kafka {

/// What became of one message.
enum class Outcome : std::uint8_t {
  kAcknowledged,  ///< by all replicas that are in sync
  kTimedOut,      ///< waited longer than message.timeout.ms, and was not sent
  kRefused,       ///< by a broker or by librdkafka: too large, no such topic, not allowed, …
  kNotSent,       ///< purged before it was sent
  kUncertain,     ///< sent, but not acknowledged by a broker: the topic may have it
};

struct Delivery {
  void* message;  ///< what produce() was given
  Outcome outcome;
  const char* reason;  ///< librdkafka's words for it
  std::string_view key;
  std::string_view value;
};

enum class ProblemKind : std::uint8_t {
  kAllDown,
  kUnresolved,
  kRefused,
  kHandshake,
  kTimeout,
  kOther
};

/// Called by Client::serve(), in its caller's thread.
class ClientEvents {
 public:
  ClientEvents() = default;
  virtual ~ClientEvents() = default;
  ClientEvents(const ClientEvents&) = delete;
  ClientEvents& operator=(const ClientEvents&) = delete;
  ClientEvents(ClientEvents&&) = delete;
  ClientEvents& operator=(ClientEvents&&) = delete;

  virtual void on_delivery(const Delivery& delivery) = 0;
  /// A broker cannot be reached, or none. librdkafka goes on trying.
  virtual void on_problem(ProblemKind kind, const std::string& text) = 0;
  /// The client is of no use any more (rd_kafka_fatal_error()).
  virtual void on_fatal(const std::string& text) = 0;
  /// `level`: as of syslog(3).
  virtual void on_log(int level, const std::string& text) = 0;
  /// Every few seconds: connections to brokers that exist.
  virtual void on_statistics(std::size_t connected) = 0;
  /// A connection to a broker begins that brokers() had not named.
  virtual void on_broker() = 0;
};

class Client {
 public:
  /// Begins to connect. `wake`: a descriptor into which eight octets are written when there may be
  /// something for serve(); it must outlive this. Throws std::runtime_error with librdkafka's
  /// reason.
  Client(const ConnectionLogConfig& config, int wake);
  /// What is not acknowledged by then is dropped without a report. Does not wait: see close().
  ~Client();

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  Client(Client&&) = delete;
  Client& operator=(Client&&) = delete;

  enum class Taken : std::uint8_t { kYes, kFull, kRefused, kFatal };
  /// Copies key and value, and hands them to the threads. Never waits.
  Taken produce(std::string_view key, std::string_view value, void* message);
  /// Why the last produce() did not take it.
  [[nodiscard]] const char* refusal() const { return refusal_; }

  /// Hands over some of the events that are there, or waits for the first one so long. False: there
  /// are no more.
  bool serve(ClientEvents& to, std::chrono::milliseconds patience = {});

  /// Drops all that is not acknowledged: a delivery of each follows.
  void purge();

  /// Brokers that a connection was begun to, ADDRESS:PORT or [IPv6 ADDRESS]:PORT, some dozens at
  /// most.
  [[nodiscard]] std::vector<std::string> brokers() const;

  /// Lets the threads end, for which one may have to wait for an answer of the name service. False:
  /// they have not after `patience`; they will, by themselves. To be called last.
  bool close(std::chrono::milliseconds patience);

  /// For tests, which cannot do without.
  [[nodiscard]] rd_kafka_s* handle() { return client_; }

 private:
  struct Shared;

  void hand_over(rd_kafka_op_s* event, ClientEvents& to);
  void hand_over_deliveries(rd_kafka_op_s* event, ClientEvents& to);
  void hand_over_error(rd_kafka_op_s* event, ClientEvents& to);

  std::shared_ptr<Shared> shared_;  ///< with the threads
  DetachedThread ending_;
  rd_kafka_s* client_ = nullptr;
  rd_kafka_topic_s* topic_ = nullptr;
  rd_kafka_queue_s* queue_ = nullptr;
  const char* refusal_ = "";
};

}  // namespace kafka
}  // namespace ctflow
