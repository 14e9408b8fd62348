// SPDX-License-Identifier: GPL-2.0-or-later
// Lines as messages of a topic, each entered in the ledger by what became of it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/encoder.hpp"
#include "ctflow/transport_status.hpp"
#include "event_loop/readiness.hpp"
#include "event_loop/timer.hpp"
#include "kafka/client.hpp"
#include "ledger/export_ledger.hpp"
#include "log/log.hpp"
#include "process/descriptor.hpp"

namespace ctflow::kafka {

/// A line waits from add() until librdkafka reports its delivery, however long brokers are away,
/// unless message.timeout.ms says otherwise; what finds no room in `buffer` is lost. After a fatal
/// error another client takes over: it gets what was not sent, and what was sent and not
/// acknowledged is lost, as far as is known.
class Producer : private ClientEvents {
 public:
  /// `io` and `ledger` must outlive it. `brokers_changed`: called when brokers() names one more.
  /// Throws std::runtime_error when librdkafka refuses the settings.
  Producer(boost::asio::io_context& io, const ConnectionLogConfig& config, ExportLedger& ledger,
           std::function<void()> brokers_changed);
  /// Without stop() before, what waits is in no column of the ledger any more.
  ~Producer() override;

  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;
  Producer(Producer&&) = delete;
  Producer& operator=(Producer&&) = delete;

  /// Never waits.
  void add(std::string_view key, std::string_view line, const MessageContent& content,
           const Instant& now);

  /// Something waits that may be acknowledged within a moment.
  [[nodiscard]] bool busy() const { return !stopped_ && !failing_ && !waiting_.empty(); }
  /// The last call but those that ask: gives what waits a moment, then counts it.
  void stop();
  /// After stop(): threads of librdkafka have not ended.
  [[nodiscard]] bool threads_running() const { return threads_running_; }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] const LastFailure& last_failure() const { return last_failure_; }
  [[nodiscard]] std::size_t octets() const { return octets_; }
  /// Since when the oldest line waits.
  [[nodiscard]] std::optional<TimePoint> oldest() const;
  [[nodiscard]] std::vector<std::string> brokers() const;

  /// For tests; null for a moment after fatal errors.
  [[nodiscard]] Client* client() { return client_.get(); }

 private:
  struct Waiting;
  using Lines = std::list<Waiting>;

  void on_delivery(const Delivery& delivery) override;
  void on_problem(ProblemKind kind, const std::string& text) override;
  void on_fatal(const std::string& text) override;
  void on_log(int level, const std::string& text) override;
  void on_statistics(std::size_t connected) override;
  void on_broker() override { brokers_changed_(); }

  void watch();
  void serve();
  bool serve_one(Client& client, std::chrono::milliseconds patience);
  void hand_over(std::string_view key, std::string_view line, Waiting& waiting);
  void take_back(const Delivery& delivery, Waiting& waiting);
  void lose(Waiting& waiting, LossReason reason);
  void lose_all_of(const Client* client);
  void release(Waiting& waiting);
  void note_refusal(const char* reason);
  void note_connected();
  void replace_client();
  void renew_client();
  void end_retired();
  void drain(MonoTime until);

  ConnectionLogConfig config_;
  ExportLedger& ledger_;
  std::function<void()> brokers_changed_;
  Descriptor wake_;
  Readiness readiness_;
  Timer again_;
  Timer renew_;
  Timer retire_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Client> retired_;  ///< after a fatal error: what it sent may be acknowledged yet
  Lines waiting_;                    ///< the oldest first
  Lines spare_;                      ///< to be used again
  std::size_t octets_ = 0;           ///< of the lines that wait
  MonoTime made_{};                  ///< when client_ was
  bool connected_ = false;
  bool failing_ = false;             ///< no broker could be reached; at first neither is so
  const Client* serving_ = nullptr;  ///< whose events are being handled
  bool fatal_ = false;               ///< client_ is of no use any more
  bool stopped_ = false;
  bool threads_running_ = false;
  LastFailure last_failure_;
  log::RateLimit failure_log_;
  log::RateLimit refusal_log_;
  log::RateLimit fatal_log_;
  log::RateLimit library_log_;
};

}  // namespace ctflow::kafka
