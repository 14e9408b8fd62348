// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/status_json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/sample_status.hpp"

namespace ctflow {
namespace {

using Json = nlohmann::json;

TEST(StatusJson, HasEveryCounterUnderItsName) {
  Status status = test::sample_status();
  status.namespaces[0].source.lost_overrun = 0xffff'ffff'ffff'ffff;
  status.namespaces[0].routing = RoutingStatus{{1, 2, 3, 4, 5}, 6, 7, 8};
  const Json json = Json::parse(status_json(status));
  const Json& home = json.at("namespaces").at(0);
  EXPECT_EQ(home.at("source").at("ended"), 12);
  EXPECT_EQ(home.at("source").at("lost_overrun"), 0xffff'ffff'ffff'ffff);
  EXPECT_EQ(home.at("pipeline").at("exported"), 12);
  EXPECT_EQ(home.at("interfaces").at("unknown"), 0);
  EXPECT_EQ(home.at("routing").at("resyncs"), 2);
  EXPECT_EQ(home.at("routing").at("octets"), 8);
  EXPECT_EQ(home.at("collectors").at(0).at("counters").at("records"), 24);
  EXPECT_EQ(home.at("collectors").at(0).at("state"), "ok");
  EXPECT_EQ(home.at("kernel").at("receive_buffer").at("octets"), 1'000'000);
}

TEST(StatusJson, HasDatabasesThatAreUsed) {
  Status status = test::sample_status();
  EXPECT_EQ(Json::parse(status_json(status)).at("databases"), Json::array());
  status.databases.push_back({"as_database", "/x.mmdb", "", {}, 0, 3, "/x.mmdb: cut"});
  EXPECT_EQ(Json::parse(status_json(status)).at("databases").at(0),
            (Json{{"setting", "enrich.as_database"},
                  {"file", "/x.mmdb"},
                  {"loads", 0},
                  {"failures", 3},
                  {"error", "/x.mmdb: cut"}}));
  status.databases[0].type = "GeoLite2-ASN";
  status.databases[0].built = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000));
  const Json json = Json::parse(status_json(status)).at("databases").at(0);
  EXPECT_EQ(json.at("type"), "GeoLite2-ASN");
  EXPECT_EQ(json.at("built"), 1'700'000'000);
}

TEST(StatusJson, SaysWhatIsMeasuredAndWhereConnectionsAreLeftOut) {
  Status status = test::sample_status();
  const auto kernel = [&] {
    return Json::parse(status_json(status)).at("namespaces").at(0).at("kernel");
  };
  EXPECT_EQ(kernel().at("capabilities").at("origin"), "none");
  EXPECT_EQ(kernel().at("capabilities").at("times"), false);
  EXPECT_EQ(kernel().at("filter").at("kernel_events"), false);
  SourceStatus& source = status.namespaces[0].kernel;
  source.capabilities = {MeasurementOrigin::kKernelPatch, true, false, true, true, true};
  source.filter = {true, true, true};
  EXPECT_EQ(kernel().at("capabilities").at("origin"), "kernel_patch");
  EXPECT_EQ(kernel().at("capabilities").at("counters"), false);
  EXPECT_EQ(kernel().at("capabilities").at("reports"), true);
  EXPECT_EQ(kernel().at("filter").at("kernel_events"), true);
  EXPECT_EQ(kernel().at("filter").at("own_traffic_excluded"), true);
}

TEST(StatusJson, SaysWhenCertificatesExpire) {
  Status status = test::sample_status();
  auto& collector = std::get<CollectorStatus>(status.namespaces[0].outputs[0].details);
  const auto main = [&] {
    return Json::parse(status_json(status)).at("namespaces").at(0).at("collectors").at(0);
  };
  EXPECT_FALSE(main().contains("certificates")) << "no TLS";
  collector.transport = TransportKind::kTls;
  EXPECT_EQ(main().at("certificates"), Json::array()) << "no connection yet";
  collector.certificates = {
      {{CertificateOwner::kExporter, TimePoint(std::chrono::seconds(1'900'000'000))},
       std::chrono::seconds(5)}};
  EXPECT_EQ(
      main().at("certificates").at(0),
      (Json{{"of", "exporter"}, {"expires", "2030-03-17T17:46:40Z"}, {"expires_in_seconds", 5}}));
}

TEST(StatusJson, SaysWhetherAllIsWell) {
  Status status = test::sample_status();
  EXPECT_EQ(Json::parse(status_json(status)).at("well"), true);
  status.namespaces[0].outputs[0].connected = false;
  status.namespaces[0].outputs[0].last_failure.kind = FailureKind::kUnreachable;
  const Json json = Json::parse(status_json(status));
  EXPECT_EQ(json.at("well"), false);
  EXPECT_EQ(json.at("problems").at(0).at("name"), "collector_unreachable");
  EXPECT_EQ(json.at("problems").at(0).at("subject"), "main");
}

TEST(StatusJson, TellsTheLastFailureAndWhatWaits) {
  Status status = test::sample_status();
  OutputStatus& output = status.namespaces[0].outputs[0];
  const auto told = [&] {
    return Json::parse(status_json(status)).at("namespaces").at(0).at("collectors").at(0);
  };
  EXPECT_TRUE(told().at("last_failure").is_null());
  EXPECT_FALSE(told().contains("backlog"));
  std::get<CollectorStatus>(output.details).transport = TransportKind::kTls;
  output.last_failure = {FailureKind::kHandshake, "certificate has expired", {}};
  output.last_failure_age = std::chrono::seconds(4);
  output.backlog = Backlog{1, 2, 3, 4, std::nullopt};
  EXPECT_EQ(told().at("transport"), "tls");
  EXPECT_EQ(told().at("last_failure").at("kind"), "handshake");
  EXPECT_EQ(told().at("last_failure").at("reason"), "certificate has expired");
  EXPECT_EQ(told().at("last_failure").at("seconds_ago"), 4);
  EXPECT_EQ(told().at("backlog").at("disk_limit"), 4);
  EXPECT_TRUE(told().at("backlog").at("oldest_seconds").is_null());
  EXPECT_FALSE(told().at("backlog").contains("room"));
  output.room = SpoolRoom{5, std::nullopt, std::nullopt};
  EXPECT_EQ(told().at("backlog").at("room"),
            (Json{{"octets", 5}, {"flows", nullptr}, {"seconds", nullptr}}));
  output.room = SpoolRoom{5, 6, std::chrono::seconds(7)};
  EXPECT_EQ(told().at("backlog").at("room"), (Json{{"octets", 5}, {"flows", 6}, {"seconds", 7}}));
}

TEST(StatusJson, SaysHowMuchLeavesAndWhenTheLastMessageDid) {
  Status status = test::sample_status();
  OutputStatus log;
  log.name = "log";
  log.details = ConnectionLogStatus{};
  status.namespaces[0].outputs.push_back(log);
  const auto home = [&] { return Json::parse(status_json(status)).at("namespaces").at(0); };
  EXPECT_TRUE(home().at("collectors").at(0).at("last_message_seconds_ago").is_null());
  for (OutputStatus& one : status.namespaces[0].outputs) {
    one.records.per_second = {1, 2, 3};
    one.last_message = std::chrono::seconds(4);
  }
  const Json rates{{"1s", 1.0}, {"10s", 2.0}, {"60s", 3.0}};
  EXPECT_EQ(home().at("collectors").at(0).at("records_per_second"), rates);
  EXPECT_EQ(home().at("collectors").at(0).at("last_message_seconds_ago"), 4);
  EXPECT_EQ(home().at("connection_logs").at(0).at("lines_per_second"), rates);
  EXPECT_EQ(home().at("connection_logs").at(0).at("last_message_seconds_ago"), 4);
}

TEST(StatusJson, TellsOfReloadsOnlyAfterTheFirst) {
  Status status = test::sample_status();
  EXPECT_FALSE(Json::parse(status_json(status)).at("reloads").contains("last_time"));
  status.reloads = {0, 1, std::chrono::system_clock::time_point(std::chrono::seconds(5)), false,
                    "bad"};
  const Json reloads = Json::parse(status_json(status)).at("reloads");
  EXPECT_EQ(reloads.at("last_time"), 5.0);
  EXPECT_EQ(reloads.at("last_succeeded"), false);
  EXPECT_EQ(reloads.at("last_error"), "bad");
}

TEST(StatusJson, StaysValidWhenATextIsNotUtf8) {
  Status status = test::sample_status();
  status.reloads.failed = 1;
  status.reloads.last_error = "\xff\xfe";
  EXPECT_TRUE(Json::accept(status_json(status)));
}

}  // namespace
}  // namespace ctflow
