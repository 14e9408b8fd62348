// SPDX-License-Identifier: GPL-2.0-or-later
// What tests of the producer of Kafka have in common.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kafka/producer.hpp"
#include "support/faulty_files.hpp"
#include "support/kafka_cluster.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow::kafka {

/// A Producer for the mock cluster, and the accounts of its lines.
class KafkaProducerTest : public testing::Test {
 protected:
  explicit KafkaProducerTest(int brokers = 3) : cluster_(brokers) {
    config_.name = "topic";
    config_.to = LogDestination::kKafka;
    config_.brokers = cluster_.brokers();
    config_.topic = test::KafkaCluster::kTopic;
    config_.settings = {{"reconnect.backoff.max.ms", "200"}, {"retry.backoff.ms", "20"}};
  }

  Producer& make() {
    return producer_.emplace(
        io_, config_, key_of, *ledger_, [this] { hear(); }, &files_);
  }
  void hear() {
    ++news_;
    const std::vector<std::string> brokers = producer_->brokers();
    heard_.insert(brokers.begin(), brokers.end());
  }
  void use_spool() { config_.spool.directory = directory_.name(); }

  /// The mock cluster checks no sequence numbers: it takes a batch that was sent behind one which
  /// it refused, where a broker refuses it as well.
  void one_request_at_a_time() { config_.settings["max.in.flight.requests.per.connection"] = "1"; }

  /// A line with a number of its own, whose packets and octets no other number has.
  void add(int connection = 0) {
    const std::uint64_t number = ++lines_;
    MessageContent content;
    content.flows = content.data_records = 1;
    content.packets = number;
    content.octets = number * number;
    const std::string line = nlohmann::json{
        {"connection", connection},
        {"key", "key-" + std::to_string(connection)},
        {"n", number},
        {"pad", pad_}}.dump();
    ledger_->offer();
    producer_->add(line, content, system_now());
  }
  void add_many(int count) {
    for (int i = 0; i < count; ++i) add(i % 37);
  }

  template <typename Condition>
  [[nodiscard]] bool run_until(Condition condition,
                               std::chrono::seconds patience = std::chrono::seconds(20)) {
    const auto latest = std::chrono::steady_clock::now() + patience;
    while (!condition() && std::chrono::steady_clock::now() < latest)
      io_.run_one_for(std::chrono::milliseconds(20));
    return condition();
  }
  void run_for(std::chrono::milliseconds time) {
    static_cast<void>(run_until([until = std::chrono::steady_clock::now() + time] {
      return std::chrono::steady_clock::now() >= until;
    }));
  }
  [[nodiscard]] bool run_until_none_waits(
      std::chrono::seconds patience = std::chrono::seconds(20)) {
    return run_until([&] { return counters().waiting.flows == 0; }, patience);
  }

  [[nodiscard]] const ExporterCounters& counters() const { return ledger_->counters(); }

  /// offered + found on disk = sent + waiting + lost, in each term, by what the lines were made of.
  void expect_balance() const {
    const ExporterCounters& all = counters();
    const std::uint64_t offered = lines_ - before_;
    const ExportAmount& found = all.recovered;
    EXPECT_EQ(all.offered, offered);
    EXPECT_EQ(offered + found.flows, all.flows + all.waiting.flows + all.lost());
    EXPECT_EQ(offered + found.records, all.records + all.waiting.records + all.lost_records);
    EXPECT_EQ(offered + found.messages, all.messages + all.waiting.messages + all.lost_messages);
    EXPECT_EQ(sum(lines_) - sum(before_) + found.packets,
              all.packets + all.waiting.packets + all.lost_packets);
    EXPECT_EQ(squares(lines_) - squares(before_) + found.octets,
              all.octets + all.waiting.octets + all.lost_octets);
  }

  /// Ends as a process does that is told to, without the next one.
  void end() {
    producer_->stop();
    EXPECT_FALSE(producer_->threads_running());
    EXPECT_EQ(producer_->octets(), 0U);
    expect_balance();
    sent_ += counters().flows;
    sent_packets_ += counters().packets;
    sent_octets_ += counters().octets;
    sent_values_ += counters().message_octets;
    uncertain_ += counters().lost_uncertain.flows;
    uncertain_octets_ += counters().lost_uncertain.octets;
    lost_ += counters().lost();
    unrecorded_ += counters().unrecorded.flows;
    before_ = lines_;
  }
  /// … and begins again.
  void restart() {
    end();
    producer_.reset();
    ledger_.emplace();
    make();
  }

  /// Compares the ledgers with what a consumer finds in the topic: no line is there twice, all that
  /// count as sent are, and beyond them at most those that are uncertain. `left`: lines on disk.
  std::vector<test::TopicMessage> reconcile(std::uint64_t left = 0) {
    end();
    EXPECT_EQ(counters().waiting.flows, left);
    // Each line is in one column of one process, but for what a disk could not note.
    EXPECT_LE(lines_, sent_ + lost_ + left);
    EXPECT_LE(sent_ + lost_ + left, lines_ + unrecorded_);
    cluster_.answer_after(0);
    cluster_.come_up();
    rd_kafka_mock_clear_request_errors(cluster_.mock(), test::KafkaCluster::kProduceRequest);
    std::vector<test::TopicMessage> all = cluster_.read();
    std::set<std::uint64_t> numbers;
    std::uint64_t packets = 0;
    std::uint64_t octets = 0;
    std::uint64_t values = 0;
    for (const test::TopicMessage& one : all) {
      const auto number = nlohmann::json::parse(one.value).at("n").get<std::uint64_t>();
      if (!numbers.insert(number).second) {
        EXPECT_TRUE(may_repeat_) << "twice: " << number;
        continue;
      }
      packets += number;
      octets += number * number;
      values += one.value.size();
    }
    if (unrecorded_ > 0) {
      EXPECT_LE(sent_, numbers.size() + unrecorded_);
      EXPECT_LE(numbers.size(), sent_ + uncertain_ + unrecorded_);
    } else if (uncertain_ == 0) {
      EXPECT_EQ(sent_, numbers.size());
      EXPECT_EQ(sent_packets_, packets);
      EXPECT_EQ(sent_octets_, octets);
      EXPECT_EQ(sent_values_, values);
    } else {
      EXPECT_LE(sent_, numbers.size());
      EXPECT_LE(numbers.size(), sent_ + uncertain_);
      EXPECT_LE(sent_octets_, octets);
      EXPECT_LE(octets, sent_octets_ + uncertain_octets_);
    }
    return all;
  }

  static std::string_view key_of(std::string_view line) {
    constexpr std::string_view kBefore = "\"key\":\"";
    const std::string_view rest = line.substr(line.find(kBefore) + kBefore.size());
    return rest.substr(0, rest.find('"'));
  }
  static std::uint64_t sum(std::uint64_t last) { return last * (last + 1) / 2; }
  static std::uint64_t squares(std::uint64_t last) {
    return last * (last + 1) * (2 * last + 1) / 6;
  }

  boost::asio::io_context io_;
  test::KafkaCluster cluster_;
  test::TemporaryDirectory directory_;
  test::FaultyFiles files_;
  ConnectionLogConfig config_;
  std::optional<ExportLedger> ledger_{std::in_place};
  std::optional<Producer> producer_;
  std::size_t news_ = 0;         ///< how often there was another broker
  std::set<std::string> heard_;  ///< of these
  std::uint64_t lines_ = 0;      ///< of all processes
  std::uint64_t before_ = 0;     ///< of these, of processes that have ended
  std::string pad_;
  /// Brokers that go away within a request: the mock ones, other than real ones, do not know by its
  /// sequence number that they have what is sent again.
  bool may_repeat_ = false;

  // Of processes that have ended.
  std::uint64_t sent_ = 0;
  std::uint64_t sent_packets_ = 0;
  std::uint64_t sent_octets_ = 0;
  std::uint64_t sent_values_ = 0;
  std::uint64_t uncertain_ = 0;
  std::uint64_t uncertain_octets_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t unrecorded_ = 0;  ///< settled, and sent again by the next process
};

}  // namespace ctflow::kafka
