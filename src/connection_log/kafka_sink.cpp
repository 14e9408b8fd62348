// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/kafka_sink.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "connection_log/line.hpp"
#include "kafka/producer.hpp"

namespace ctflow {
namespace {

class KafkaSink : public LineSink {
 public:
  KafkaSink(boost::asio::io_context& io, const ConnectionLogConfig& config, ExportLedger& ledger,
            std::function<void()> brokers_changed)
      : config_(config),
        producer_(io, config, community_id_of, ledger, std::move(brokers_changed)) {
    contents_.reserve(kMostLines);
  }

  void add(const MessageContent& line) override { contents_.push_back(line); }

  void deliver(std::string& lines, const MessageContent& /*of all*/, const Instant& now) override {
    std::string_view rest = lines;
    for (const MessageContent& content : contents_) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      producer_.add(line, content, now);
      rest.remove_prefix(line.size() + 1);
    }
    contents_.clear();
    lines.clear();
  }

  [[nodiscard]] bool busy() const override { return producer_.busy(); }
  void stop() override { producer_.stop(); }
  /// A thread of librdkafka may be waiting for the name service.
  [[nodiscard]] bool lookup_running() const override { return producer_.threads_running(); }

  [[nodiscard]] std::vector<RemotePeer> peers() const override {
    std::vector<RemotePeer> all;
    for (std::string& broker : producer_.brokers()) all.push_back({std::move(broker)});
    return all;
  }

  void describe(OutputStatus& status) const override {
    status.peer = config_.topic + "@" + config_.brokers.front();
    status.connected = producer_.connected();
    status.last_failure = producer_.last_failure();
    status.backlog = producer_.backlog();
    std::get<ConnectionLogStatus>(status.details).brokers = producer_.brokers();
  }

 private:
  static constexpr std::size_t kMostLines =
      256;  ///< of a batch; no line is shorter than 128 octets

  ConnectionLogConfig config_;
  kafka::Producer producer_;
  std::vector<MessageContent> contents_;  ///< of the lines that deliver() will take
};

}  // namespace

std::unique_ptr<LineSink> make_kafka_sink(boost::asio::io_context& io,
                                          const ConnectionLogConfig& config, ExportLedger& ledger,
                                          std::function<void()> brokers_changed) {
  return std::make_unique<KafkaSink>(io, config, ledger, std::move(brokers_changed));
}

}  // namespace ctflow
