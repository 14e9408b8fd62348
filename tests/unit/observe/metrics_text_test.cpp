// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/metrics_text.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "support/sample_status.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MetricsText, HasHelpTypeAndLabels) {
  const std::string text = metrics_text(test::sample_status());
  EXPECT_THAT(text,
              HasSubstr("# HELP ctflowd_source_ended_total Connections removed from the table "
                        "(DESTROY events)\n"
                        "# TYPE ctflowd_source_ended_total counter\n"
                        "ctflowd_source_ended_total{namespace=\"\"} 12\n"));
  EXPECT_THAT(text,
              HasSubstr("ctflowd_collector_records_total{namespace=\"\",collector=\"main\"} 24\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_build_info{version=\"1.2.3\",compiler=\"none\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_start_time_seconds 1000000\n"));
}

TEST(MetricsText, HasLossesByReason) {
  Status status = test::sample_status();
  status.namespaces[0].source.lost_overrun = 3;
  status.namespaces[0].pipeline.lost_no_counters = 4;
  ExporterCounters& counters = status.namespaces[0].outputs[0].counters;
  counters.lost_messages = 5;
  counters.lost_send_error = 6;
  const std::string text = metrics_text(status);
  EXPECT_THAT(text, HasSubstr("ctflowd_lost_total{namespace=\"\",reason=\"overrun\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_lost_total{namespace=\"\",reason=\"no_counters\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_collector_lost_total{namespace=\"\",collector=\"main\","
                              "reason=\"send_error\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_collector_lost_messages_total{namespace=\"\","
                              "collector=\"main\"} 5\n"));
  EXPECT_THAT(text, Not(HasSubstr("reason=\"messages\"")));
}

TEST(MetricsText, HasDatabasesThatAreUsed) {
  Status status = test::sample_status();
  EXPECT_THAT(metrics_text(status), Not(HasSubstr("ctflowd_database_")));
  status.databases.push_back({"as_database", "/x.mmdb", "", {}, 0, 3, "/x.mmdb: cut"});
  EXPECT_THAT(metrics_text(status), Not(HasSubstr("ctflowd_database_built")));
  status.databases[0].type = "GeoLite2-ASN";
  status.databases[0].built = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000));
  status.databases[0].loads = 2;
  const std::string text = metrics_text(status);
  const std::string labels = "{database=\"as_database\"";
  EXPECT_THAT(text,
              HasSubstr("ctflowd_database_loads_total" + labels + ",result=\"success\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("ctflowd_database_loads_total" + labels + ",result=\"failure\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_database_last_load_successful" + labels + "} 0\n"));
  EXPECT_THAT(text,
              HasSubstr("ctflowd_database_built_timestamp_seconds" + labels + "} 1700000000\n"));
}

TEST(MetricsText, HasQuotasAndWhatIsUsedOfThemWhereThatIsKnown) {
  Status status = test::sample_status();
  OutputStatus accounting;
  accounting.kind = "accounting";
  accounting.name = "accounting";
  AccountingStatus own;
  own.quotas = {{AccountingKey::kNetwork, "office", 5'000'000'000'000, 1'234'567'890'123},
                {AccountingKey::kDevice, "a\"b\\c", 2'000'000, 0},
                {AccountingKey::kDevice, "new", 3'000'000}};
  accounting.details = std::move(own);
  status.namespaces[0].outputs.push_back(accounting);
  const std::string text = metrics_text(status);
  const std::string used = "ctflowd_accounting_quota_used_bytes{namespace=\"\",by=";
  const std::string quota = "ctflowd_accounting_quota_bytes{namespace=\"\",by=";
  EXPECT_THAT(text, HasSubstr(quota + "\"network\",name=\"office\"} 5000000000000\n"));
  EXPECT_THAT(text, HasSubstr(used + "\"network\",name=\"office\"} 1234567890123\n"));
  EXPECT_THAT(text, HasSubstr(quota + "\"device\",name=\"a\\\"b\\\\c\"} 2000000\n"));
  EXPECT_THAT(text, HasSubstr(used + "\"device\",name=\"a\\\"b\\\\c\"} 0\n"));
  EXPECT_THAT(text, HasSubstr(quota + "\"device\",name=\"new\"} 3000000\n"));
  EXPECT_THAT(text, Not(HasSubstr(used + "\"device\",name=\"new\"")));
}

TEST(MetricsText, HasOneUnitForAmountsOfData) {
  Status status = test::sample_status();
  status.namespaces[0].source.ignored_octets = 3;
  status.namespaces[0].outputs[0].counters.octets = 4;
  status.namespaces[0].outputs[0].counters.waiting.octets = 5;
  status.namespaces[0].routing = RoutingStatus{};
  const std::string text = metrics_text(status);
  EXPECT_THAT(text, HasSubstr("ctflowd_source_ignored_bytes_total{namespace=\"\"} 3\n"));
  EXPECT_THAT(text,
              HasSubstr("ctflowd_collector_bytes_total{namespace=\"\",collector=\"main\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_collector_waiting_bytes{namespace=\"\","
                              "collector=\"main\"} 5\n"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line[0] == '#') continue;  // a HELP text may speak of octets
    EXPECT_EQ(line.substr(0, line.find('{')).find("octets"), std::string::npos) << line;
  }
}

TEST(MetricsText, AddsUpToTwoInterfacesForEachFlowReport) {
  Status status = test::sample_status();
  status.namespaces[0].interfaces = {1, 2, 3, 4, 9, 9, 9};
  const std::string text = metrics_text(status);
  for (const auto& [from, value] : {std::pair{"kernel", 1}, std::pair{"routes", 2},
                                    std::pair{"settings", 3}, std::pair{"unknown", 4}}) {
    EXPECT_THAT(text,
                HasSubstr(fmt::format("ctflowd_interfaces_total{{namespace=\"\",from=\"{}\"}} {}\n",
                                      from, value)));
  }
  EXPECT_THAT(text, Not(HasSubstr("ctflowd_interfaces_unknown_total")));
}

TEST(MetricsText, HasWhatWaitsInBytes) {
  Status status = test::sample_status();
  EXPECT_THAT(metrics_text(status), Not(HasSubstr("ctflowd_collector_spool_bytes")));
  OutputStatus& output = status.namespaces[0].outputs[0];
  output.backlog = Backlog{11, 12, 13, 14, std::nullopt};
  output.oldest_waiting = std::chrono::seconds(15);
  const std::string text = metrics_text(status);
  const auto line = [](const std::string& name, const std::string& more, int value) {
    return "ctflowd_collector_" + name + "{namespace=\"\",collector=\"main\"" + more + "} " +
           std::to_string(value) + "\n";
  };
  EXPECT_THAT(text, HasSubstr(line("spool_bytes", ",where=\"memory\"", 11)));
  EXPECT_THAT(text, HasSubstr(line("spool_limit_bytes", ",where=\"memory\"", 12)));
  EXPECT_THAT(text, HasSubstr(line("spool_bytes", ",where=\"disk\"", 13)));
  EXPECT_THAT(text, HasSubstr(line("spool_limit_bytes", ",where=\"disk\"", 14)));
  EXPECT_THAT(text, HasSubstr(line("oldest_waiting_seconds", "", 15)));
}

TEST(MetricsText, HasTheTimeOfTheLastMessage) {
  Status status = test::sample_status();
  OutputStatus log;
  log.kind = "connection_log";
  log.name = "lines";
  log.details = ConnectionLogStatus{};
  status.namespaces[0].outputs.push_back(log);
  EXPECT_THAT(metrics_text(status), Not(HasSubstr("last_message")));
  for (OutputStatus& one : status.namespaces[0].outputs) {
    one.last_message = std::chrono::seconds(4);
    one.last_message_time = std::chrono::system_clock::time_point(std::chrono::seconds(1'000'086));
  }
  const std::string text = metrics_text(status);
  EXPECT_THAT(text, HasSubstr("# TYPE ctflowd_collector_last_message_timestamp_seconds gauge\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_collector_last_message_timestamp_seconds{namespace=\"\","
                              "collector=\"main\"} 1000086\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_connection_log_last_message_timestamp_seconds{namespace="
                              "\"\",log=\"lines\"} 1000086\n"));
}

TEST(MetricsText, CumulatesTheBucketsOfBatches) {
  Status status = test::sample_status();
  BatchSizes& batches = status.namespaces[0].kernel.queue.batches;
  batches.add(1);
  batches.add(3);
  batches.add(64);
  const std::string text = metrics_text(status);
  EXPECT_THAT(text,
              HasSubstr("ctflowd_netlink_batch_datagrams_bucket{namespace=\"\",le=\"1\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("ctflowd_netlink_batch_datagrams_bucket{namespace=\"\",le=\"2\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("ctflowd_netlink_batch_datagrams_bucket{namespace=\"\",le=\"4\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("ctflowd_netlink_batch_datagrams_bucket{namespace=\"\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("ctflowd_netlink_batch_datagrams_sum{namespace=\"\"} 68\n"));
}

TEST(MetricsText, NamesAFamilyOnceForAllNamespaces) {
  Status status = test::sample_status();
  status.namespaces.push_back(status.namespaces[0]);
  status.namespaces[1].name = "red";
  const std::string text = metrics_text(status);
  const std::string type = "# TYPE ctflowd_exported_total ";
  EXPECT_EQ(text.find(type), text.rfind(type));
  EXPECT_THAT(text, HasSubstr("ctflowd_exported_total{namespace=\"\"} 12\n"
                              "ctflowd_exported_total{namespace=\"red\"} 12\n"));
}

TEST(MetricsText, HasExactlyOneStateOfACollector) {
  Status status = test::sample_status();
  std::get<CollectorStatus>(status.namespaces[0].outputs[0].details).last_refusal =
      std::chrono::seconds(1);
  std::istringstream lines(metrics_text(status));
  std::vector<std::string> ones;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("ctflowd_collector_state{") == 0 && line.back() == '1') ones.push_back(line);
  }
  EXPECT_THAT(ones, testing::ElementsAre(HasSubstr("state=\"refused\"")));
}

}  // namespace
}  // namespace ctflow
