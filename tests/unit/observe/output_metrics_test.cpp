// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/output_metrics.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "observe/counter_names.hpp"
#include "observe/metrics_text.hpp"
#include "observe/status_json.hpp"
#include "support/sample_status.hpp"

namespace ctflow {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

struct Kind {
  const char* kind;
  const char* prefix;  ///< of its metrics
  const char* json;    ///< its member of a network namespace; a list of them or one
};
constexpr std::array kKinds{Kind{"collector", "ctflowd_collector_", "collectors"},
                            Kind{"connection_log", "ctflowd_connection_log_", "connection_logs"},
                            Kind{"nat_log", "ctflowd_nat_log_", "nat_log"},
                            Kind{"accounting", "ctflowd_accounting_", "accounting"}};

/// Numbers that occur once, so that each shows where it went.
class Numbers {
 public:
  std::uint64_t next() { return ++last_; }

 private:
  std::uint64_t last_ = 7'000'000;
};

ExporterCounters counted(Numbers& numbers) {
  ExporterCounters counters;
  for (const auto& one : kExporterCounters) counters.*one.member = numbers.next();
  for (const AmountName& one : kExporterAmounts) {
    for (const auto& part : kAmountCounters) counters.*one.member.*part.member = numbers.next();
  }
  return counters;
}

/// One output of each kind, in the order of kKinds.
Status all_kinds() {
  Status status = test::sample_status();
  std::vector<OutputStatus>& outputs = status.namespaces[0].outputs;
  outputs.assign(kKinds.size(), {});
  Numbers numbers;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    outputs[i].kind = kKinds.at(i).kind;
    outputs[i].name = "one";
    outputs[i].counters = counted(numbers);
  }
  std::get<CollectorStatus>(outputs[0].details).refusals = numbers.next();
  outputs[1].details = ConnectionLogStatus{};
  outputs[2].details = NatLogStatus{numbers.next(), numbers.next(),
                                    NatMapsStatus{numbers.next(), numbers.next(), true, {}, {}}};
  auto& accounting = outputs[3].details.emplace<AccountingStatus>();
  accounting.rows = numbers.next();
  accounting.merged = numbers.next();
  accounting.failures = numbers.next();
  accounting.recovered = numbers.next();
  return status;
}

/// Values of samples whose name begins so.
std::multiset<std::string> values(const std::string& text, const std::string& prefix) {
  std::multiset<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(prefix)) found.insert(line.substr(line.rfind(' ') + 1));
  }
  return found;
}

void collect(const Json& json, std::set<std::uint64_t>& numbers) {
  if (json.is_number_unsigned()) numbers.insert(json.get<std::uint64_t>());
  if (json.is_structured()) {
    for (const auto& [name, value] : json.items()) collect(value, numbers);
  }
}

Json home_json(const Status& status) {
  return Json::parse(status_json(status)).at("namespaces").at(0);
}

TEST(OutputMetrics, HaveEveryTermOfTheLedgerWhateverTheKind) {
  const Status status = all_kinds();
  const std::string text = metrics_text(status);
  const Json home = home_json(status);
  const std::set<std::string> flows_alone{"lost_spool_full",    "lost_spool_age",
                                          "lost_spool_damaged", "lost_stopped",
                                          "lost_write_error",   "lost_uncertain"};
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    const ExporterCounters& counters = status.namespaces[0].outputs[i].counters;
    const auto samples = values(text, kKinds[i].prefix);
    std::set<std::uint64_t> in_json;
    collect(home.at(kKinds[i].json), in_json);
    const auto expect = [&](const std::string& name, std::uint64_t value, bool is_metric) {
      EXPECT_EQ(samples.count(std::to_string(value)), is_metric ? 1U : 0U)
          << kKinds[i].prefix << name;
      EXPECT_TRUE(in_json.contains(value)) << kKinds[i].json << " " << name;
    };
    for (const auto& one : kExporterCounters) expect(one.name, counters.*one.member, true);
    for (const AmountName& one : kExporterAmounts) {
      for (const auto& part : kAmountCounters) {
        // What is lost is a metric in flow reports, by reason; lost_packets and the like have the
        // sums.
        expect(fmt::format("{}.{}", one.name, part.name), counters.*one.member.*part.member,
               !flows_alone.contains(one.name) || part.member == &ExportAmount::flows);
      }
    }
  }
}

TEST(OutputMetrics, HaveAllThatTheStatusCountsOfNatLogAndAccounting) {
  const Status status = all_kinds();
  const std::string text = metrics_text(status);
  for (const std::size_t i : {std::size_t{2}, std::size_t{3}}) {
    const auto samples = values(text, kKinds[i].prefix);
    Json json = home_json(status).at(kKinds[i].json);
    json.erase("counters");  // those are looked for above
    json.erase("lost");      // their sum
    std::set<std::uint64_t> numbers;
    collect(json, numbers);
    EXPECT_GE(numbers.size(), 4U);
    for (const std::uint64_t one : numbers) {
      EXPECT_EQ(samples.count(std::to_string(one)), 1U) << kKinds[i].json << ": " << json;
    }
  }
}

TEST(OutputMetrics, NameTheReasonOfALossAndWhetherItIsWritten) {
  Status status = all_kinds();
  status.namespaces[0].outputs[2].counters.lost_spool_full.flows = 3;
  status.namespaces[0].outputs[3].counters.lost_stopped.flows = 4;
  status.namespaces[0].outputs[3].connected = true;
  const std::string text = metrics_text(status);
  EXPECT_THAT(text,
              HasSubstr("ctflowd_nat_log_lost_total{namespace=\"\",reason=\"spool_full\"} 3\n"));
  EXPECT_THAT(text,
              HasSubstr("ctflowd_accounting_lost_total{namespace=\"\",reason=\"stopped\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_nat_log_up{namespace=\"\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_accounting_up{namespace=\"\"} 1\n"));
}

TEST(OutputMetrics, HaveTheSpoolOfAConnectionLog) {
  Status status = all_kinds();
  status.namespaces[0].outputs[1].backlog = Backlog{11, 12, 13, 14, std::nullopt};
  const std::string text = metrics_text(status);
  EXPECT_THAT(text, HasSubstr("ctflowd_connection_log_spool_limit_bytes{namespace=\"\","
                              "log=\"one\",where=\"disk\"} 14\n"));
}

TEST(OutputMetrics, RepeatNoSample) {
  Status status = all_kinds();
  UsageSeries series;
  series.direction = "in";
  std::get<AccountingStatus>(status.namespaces[0].outputs[3].details).usage =
      Usage{AccountingKey::kHost, {series}};
  std::set<std::string> seen;
  std::istringstream lines(metrics_text(status));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
}

}  // namespace
}  // namespace ctflow
