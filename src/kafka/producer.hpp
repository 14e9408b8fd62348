// SPDX-License-Identifier: GPL-2.0-or-later
// Lines as messages of a topic, each entered in the ledger by what became of it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
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
#include "kafka/waiting_lines.hpp"
#include "ledger/export_ledger.hpp"
#include "log/log.hpp"
#include "process/descriptor.hpp"

namespace ctflow::kafka {

/// A line waits from add() until librdkafka reports its delivery, however long brokers are away,
/// unless message.timeout.ms says otherwise; what finds no room in `buffer` is lost. With
/// `spool.directory` it waits there, and a later process hands it over. After a fatal error another
/// client takes over: it gets what was not sent, and what was sent and not acknowledged is lost, as
/// far as is known.
class Producer : private ClientEvents {
 public:
  /// The key of a line, which is a part of it.
  using KeyOf = std::string_view (*)(std::string_view line);

  /// `io`, `ledger`, and `files` if given (for tests) must outlive it. `brokers_changed`: called
  /// when brokers() names one more. Throws std::runtime_error when librdkafka refuses the settings.
  Producer(boost::asio::io_context& io, const ConnectionLogConfig& config, KeyOf key_of,
           ExportLedger& ledger, std::function<void()> brokers_changed,
           SpoolFiles* files = nullptr);
  /// Without stop() before, what waits is in no column of the ledger any more. With a spool it does
  /// the same, because what was taken from disk has to go back there.
  ~Producer() override;

  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;
  Producer(Producer&&) = delete;
  Producer& operator=(Producer&&) = delete;

  /// Waits for nothing but, with a spool, the page cache.
  void add(std::string_view line, const MessageContent& content, const Instant& now);

  /// Something waits that may be acknowledged within a moment.
  [[nodiscard]] bool busy() const { return !stopped_ && !failing_ && !lines_.all_empty(); }
  /// The last call but those that ask: gives what waits a moment, then counts it.
  void stop();
  /// After stop(): threads of librdkafka have not ended.
  [[nodiscard]] bool threads_running() const { return threads_running_; }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] const LastFailure& last_failure() const { return last_failure_; }
  /// Of lines that librdkafka has.
  [[nodiscard]] std::size_t octets() const { return lines_.octets(); }
  [[nodiscard]] Backlog backlog() const { return lines_.backlog(); }
  [[nodiscard]] std::vector<std::string> brokers() const;

  /// For tests; null for a moment after fatal errors.
  [[nodiscard]] Client* client() { return client_.get(); }

 private:
  using Line = WaitingLines::Line;

  void on_delivery(const Delivery& delivery) override;
  void on_problem(ProblemKind kind, const std::string& text) override;
  void on_fatal(const std::string& text) override;
  void on_log(int level, const std::string& text) override;
  void on_statistics(std::size_t connected) override;
  void on_broker() override { brokers_changed_(); }

  void watch();
  void serve();
  bool serve_one(Client& client, std::chrono::milliseconds patience);
  /// Gives the client what the spool has, at most so many lines before others have their turn.
  void pump(int most);
  void pump_later();
  void work();
  void secure_later();
  /// Whether the client takes lines: false when it is full or of no use any more.
  bool hand_over(std::string_view line, Line& waiting);
  /// The client is of no use any more.
  bool meet_fatal(std::string_view line, Line& waiting);
  void take_back(const Delivery& delivery, Line& waiting);
  void note_refusal(const char* reason);
  void note_connected();
  void set_connected(bool connected);
  void replace_client();
  void renew_client();
  void end_retired();
  void drain(MonoTime until);

  ConnectionLogConfig config_;
  KeyOf key_of_;
  ExportLedger& ledger_;
  std::function<void()> brokers_changed_;
  Descriptor wake_;
  Readiness readiness_;
  Timer again_;
  Timer renew_;
  Timer retire_;
  Timer pump_;
  Timer work_;    ///< of the spool
  Timer secure_;  ///< … of lines that are on their way for long
  std::unique_ptr<Client> client_;
  std::unique_ptr<Client> retired_;  ///< after a fatal error: what it sent may be acknowledged yet
  WaitingLines lines_;
  MonoTime made_{};  ///< when client_ was
  bool connected_ = false;
  bool failing_ = false;             ///< no broker could be reached; at first neither is so
  const Client* serving_ = nullptr;  ///< whose events are being handled
  bool fatal_ = false;               ///< client_ is of no use any more
  bool settling_ = false;            ///< with a spool: lines that retired_ has come before others
  bool pumping_ = false;             ///< pump_ is set
  bool securing_ = false;            ///< secure_ is set
  bool stopped_ = false;
  bool threads_running_ = false;
  LastFailure last_failure_;
  log::RateLimit failure_log_;
  log::RateLimit refusal_log_;
  log::RateLimit fatal_log_;
  log::RateLimit library_log_;
};

}  // namespace ctflow::kafka
