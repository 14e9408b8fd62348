// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/status_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "findings/finding_text.hpp"
#include "observe/status_json.hpp"
#include "support/sample_status.hpp"
#include "text/columns.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

StatusView view(const Status& status) { return view_status(status_json(status)); }

TEST(StatusView, BeginsWithOk) {
  const StatusView shown = view(test::sample_status());
  EXPECT_TRUE(shown.well);
  EXPECT_THAT(shown.text, StartsWith("OK (ctflowd 1.2.3, up 90 s)\n"));
  EXPECT_THAT(shown.text, HasSubstr("connections removed 12"));
  EXPECT_THAT(shown.text,
              HasSubstr("192.0.2.10:4739\n    flow reports 12, records 24, messages 0\n"));
}

TEST(StatusView, BeginsWithWhatIsWrong) {
  Status status = test::sample_status();
  status.namespaces[0].last_overrun = std::chrono::seconds(130);
  status.namespaces[0].source.lost_overrun = 7;
  const StatusView shown = view(status);
  EXPECT_FALSE(shown.well);
  EXPECT_THAT(shown.text, StartsWith("1 PROBLEM (ctflowd 1.2.3, up 90 s)\n"
                                     "events_lost: the kernel dropped 7 events"));
  EXPECT_THAT(shown.text, HasSubstr("fix: raise source.receive_buffer"));
  EXPECT_THAT(shown.text, HasSubstr("events dropped by the kernel 7, the last 2 min ago"));
}

TEST(StatusView, LeavesTheCommandsOfFixesWhole) {
  const std::string command =
      "nft 'table inet t { chain track { type filter hook prerouting; }; }'";
  const Finding finding{"not_tracking", "no rule uses conntrack", command + " && " + command};
  auto json = nlohmann::ordered_json::parse(status_json(test::sample_status()));
  json.at("problems").push_back(finding_json(finding));
  EXPECT_THAT(view_status(json.dump()).text, HasSubstr("  fix: " + finding.fix + "\n"));
}

TEST(StatusView, SaysWhyFlowReportsWereLostWhereThatHasSeveralReasons) {
  Status status = test::sample_status();
  OutputStatus& log = status.namespaces[0].outputs.emplace_back(status.namespaces[0].outputs[0]);
  log.details = ConnectionLogStatus{LogDestination::kPostgresql, {}};
  log.counters.lost_write_error = {1, 1200, 1200, 5, 5};
  log.counters.lost_messages = 1;
  log.counters.lost_records = 1200;
  log.last_loss = std::chrono::seconds(7);
  EXPECT_THAT(view(status).text, HasSubstr("    lost 1 200, the last 7 s ago\n"));
  log.counters.lost_would_block = 34;
  EXPECT_THAT(view(status).text, HasSubstr("    lost 1 234, the last 7 s ago: lost_would_block 34, "
                                           "lost_write_error 1 200\n"));
}

TEST(StatusView, ShowsWhatWaits) {
  Status status = test::sample_status();
  OutputStatus& output = status.namespaces[0].outputs[0];
  std::get<CollectorStatus>(output.details).transport = TransportKind::kTls;
  output.backlog = Backlog{1 << 20, 4 << 20, 0, 0, std::nullopt};
  EXPECT_THAT(view(status).text, testing::Not(HasSubstr("waiting")));
  output.counters.waiting = {3, 60, 120, 500, 5000};
  output.oldest_waiting = std::chrono::seconds(7);
  EXPECT_THAT(
      view(status).text,
      HasSubstr("    waiting 60 flow reports in 3 messages, the oldest for 7 s, in memory 1 "
                "MiB\n      of 4 MiB (25 %)\n"));
  output.backlog->disk = std::uint64_t{256} << 20;
  output.backlog->disk_limit = std::uint64_t{1} << 30;
  EXPECT_THAT(view(status).text, HasSubstr(" on disk 256 MiB of 1 GiB (25 %)\n"));
}

TEST(StatusView, ShowsHowMuchLeavesAndWhenTheLastMessageDid) {
  Status status = test::sample_status();
  EXPECT_THAT(view(status).text,
              HasSubstr("    records/s 0.0 (10 s 0.0, 60 s 0.0), no message yet\n"));
  OutputStatus& output = status.namespaces[0].outputs[0];
  output.records.per_second = {12'345.67, 0.04, 999.96};
  output.last_message = std::chrono::seconds(130);
  status.namespaces[0].rates.per_second = {1'234'567, 0.25, 0};
  EXPECT_THAT(
      view(status).text,
      HasSubstr("    records/s 12 345.7 (10 s 0.0, 60 s 1 000.0), last message 2 min ago\n"));
  EXPECT_THAT(view(status).text, HasSubstr("events/s 1 234 567.0 (10 s 0.3, 60 s 0.0)\n"));
}

TEST(StatusView, ShowsWhatASpoolStillHolds) {
  Status status = test::sample_status();
  OutputStatus& output = status.namespaces[0].outputs[0];
  EXPECT_THAT(view(status).text, testing::Not(HasSubstr("room for")));
  output.backlog = Backlog{1 << 20, 4 << 20, 0, 0, std::nullopt};
  output.room = SpoolRoom{3 << 20, std::nullopt, std::nullopt};
  EXPECT_THAT(view(status).text, HasSubstr("\n    room for another 3 MiB\n"));
  output.room = SpoolRoom{3 << 20, 52'000, std::chrono::seconds(720)};
  EXPECT_THAT(view(status).text, HasSubstr("\n    room for another 3 MiB, some 52 000 flow "
                                           "reports, full in 12 min\n"));
}

TEST(StatusView, ShowsTheDatabases) {
  Status status = test::sample_status();
  EXPECT_THAT(view(status).text, testing::Not(HasSubstr("NAT log")));
  EXPECT_THAT(view(status).text, testing::Not(HasSubstr("accounting")));
  OutputStatus log = status.namespaces[0].outputs[0];
  log.peer = "/var/lib/ctflowd/nat";
  log.counters = {};
  log.counters.waiting.flows = 3;
  NatLogStatus translations;
  translations.open = 1'234;
  translations.holes = 1;
  log.details = translations;
  OutputStatus accounting = log;
  accounting.peer = "/var/lib/ctflowd/accounting/accounting.sqlite";
  accounting.connected = false;
  accounting.last_failure.kind = FailureKind::kDiskFull;
  accounting.last_failure.reason = "disk full";
  accounting.last_failure_age = std::chrono::seconds(2);
  AccountingStatus counted;
  counted.rows = 7;
  accounting.details = counted;
  status.namespaces[0].outputs.push_back(log);
  status.namespaces[0].outputs.push_back(accounting);
  EXPECT_THAT(view(status).text,
              HasSubstr("NAT log\n  written      /var/lib/ctflowd/nat\n"
                        "    1 234 translations exist, 1 hole, 3 events wait for the disk\n"
                        "accounting\n"
                        "  not written  /var/lib/ctflowd/accounting/accounting.sqlite\n"
                        "    3 flow reports wait in 7 rows, no transaction yet\n"
                        "    failed, the last 2 s ago: disk full\n"));
  translations.maps.emplace();
  translations.maps->entries = 2;
  translations.maps->followed = 90;
  status.namespaces[0].outputs[status.namespaces[0].outputs.size() - 2].details = translations;
  counted.last_commit = std::chrono::seconds(9);
  status.namespaces[0].outputs.back().details = counted;
  EXPECT_THAT(
      view(status).text,
      HasSubstr("    2 entries of maps hold, 90 translations followed one without a row\n"));
  EXPECT_THAT(view(status).text, HasSubstr("in 7 rows, last transaction 9 s ago\n"));
}

TEST(StatusView, CutsTheHostOfAPeerAndNotItsPort) {
  Status status = test::sample_status();
  OutputStatus& output = status.namespaces[0].outputs[0];
  output.peer = "[2001:db8:1111:2222:3333:4444:5555:6666]:47390";
  EXPECT_THAT(view(status).text, HasSubstr(" [2001:db8:1111:2222:3333:4444:5555:…]:47390\n"));
  output.peer = std::string(60, 'h') + ":4739";
  EXPECT_THAT(view(status).text, HasSubstr("hhh…:4739\n"));
  output.peer = "/srv/" + std::string(60, 'd');
  EXPECT_THAT(view(status).text, HasSubstr("ddd…\n"));
}

TEST(StatusView, ReadsTheStatusOfAnEarlierVersion) {
  std::string json = status_json(test::sample_status());
  for (const char* key : {"records_per_second", "last_message_seconds_ago"}) {
    const std::size_t place = json.find(key);
    ASSERT_NE(place, std::string::npos);
    json.replace(place, 1, "x");
  }
  EXPECT_THAT(view_status(json).text, testing::Not(HasSubstr("records/s")));
}

TEST(StatusView, FitsEightyColumnsButForCommands) {
  Status status = test::sample_status();
  NamespaceStatus& home = status.namespaces[0];
  home.name = std::string(64, 'n');
  home.source.ended = home.pipeline.exported = 12'345'678'901;
  home.source.lost_overrun = 1'234'567'890;
  home.last_overrun = std::chrono::seconds(1);
  home.kernel.queue = {};
  home.kernel.queue.limit = home.kernel.queue.most_used = 1'000'000'000;
  home.table_entries = home.table_limit = 100'000'000;
  home.kernel.obstacle =
      "the kernel has no BTF (/sys/kernel/btf/vmlinux): build it with CONFIG_DEBUG_INFO_BTF";
  OutputStatus& output = home.outputs[0];
  output.name = std::string(64, 'c');
  output.peer = std::string(200, 'p') + ":4739";
  output.connected = false;
  std::get<CollectorStatus>(output.details).transport = TransportKind::kTls;
  output.counters.flows = output.counters.records = 12'345'678'901;
  output.counters.waiting = {3'000'000, 60'000'000, 120, 500, 5000};
  output.last_failure = {FailureKind::kHandshake,
                         "certificate verify failed: unable to get local issuer certificate"};
  output.last_failure_age = std::chrono::seconds(5);
  output.backlog = Backlog{1 << 20, 4 << 20, 1 << 28, 1 << 30, std::nullopt};
  output.records.per_second = home.rates.per_second = {1e9, 1e9, 1e9};
  output.last_message = std::chrono::hours(24 * 365);
  output.room =
      SpoolRoom{(std::uint64_t{1} << 50) - 1, 12'345'678'901, std::chrono::seconds(123'456'789)};
  const std::string text = view(status).text;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  fix: ")) continue;
    EXPECT_EQ(text::cut(line, text::kColumns), line) << "too long";
    const std::string words = line.substr(std::min(line.find_first_not_of(' '), line.size()));
    EXPECT_THAT(words, testing::Not(testing::MatchesRegex("[0-9][0-9][0-9]([ ,.].*)?")))
        << "begins within a number";
    EXPECT_THAT(words, testing::Not(testing::MatchesRegex("([KMG]i)?B([ ,].*)?")))
        << "begins with a unit";
  }
  EXPECT_THAT(text, HasSubstr("connections removed 12 345 678 901"));
  EXPECT_THAT(text, HasSubstr("some 12 345 678 901 flow reports"));
  EXPECT_THAT(text, HasSubstr("  " + std::string(19, 'c') + "… unresolved   "));
  EXPECT_THAT(text, HasSubstr("    failed, the last 5 s ago: certificate verify failed"));
}

TEST(StatusView, ShowsWhereConnectionsAreLeftOut) {
  Status status = test::sample_status();
  EXPECT_THAT(view(status).text, testing::Not(HasSubstr("filter")));
  status.namespaces[0].kernel.filter = {true, true, true};
  EXPECT_THAT(view(status).text,
              HasSubstr("\n  filter events in the kernel (not counted), after decoding\n"));
}

TEST(StatusView, GivesNoCommandsToATerminal) {
  Status status = test::sample_status();
  status.namespaces[0].outputs[0].peer = "a\x1b[2Jb";
  EXPECT_THAT(view(status).text, HasSubstr("a\\x1b[2Jb"));
}

TEST(StatusView, RefusesWhatIsNoStatus) {
  for (const char* text : {"", "{", "[]", "{}", "{\"well\": 3}", "{\"well\": true}"}) {
    EXPECT_THROW(view_status(text), std::runtime_error) << text;
  }
}

}  // namespace
}  // namespace ctflow
