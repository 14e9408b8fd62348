// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/report_text.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace ctflow::accounting {
namespace {

using namespace std::chrono_literals;

Calendar berlin() { return {TimeZone::find("CET-1CEST,M3.5.0,M10.5.0/3").value(), {}}; }

Report sample() {
  Report report;
  report.aggregate = "hosts";
  report.by = "host";
  report.from = Minute(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22)) + 9h;
  report.until = report.from + 24h;
  report.rows = {{"10.0.0.23", "", {38'200'000'000, 410'000'000, 1, 1, 2311}},
                 {"10.0.0.5", "", {9'800'000'000, 2'100'000'000, 1, 1, 14'020}},
                 {"10.0.0.6", "", {310, 95, 1, 1, 1}}};
  report.other = {1000, 0, 1, 0, 3};
  for (const ReportRow& row : report.rows) report.total += row.amounts;
  report.total += report.other;
  return report;
}

TEST(ReportText, IsATableOf80Columns) {
  ReportView view;
  view.top = 2;
  view.scope = "internet only";
  EXPECT_EQ(report_table(sample(), berlin(), view),
            "Since 2026-11-22 10:00 (24 h), by host, internet only                   complete\n"
            "host                           down        up    conns  share\n"
            "10.0.0.23                   38.2 GB    410 MB    2 311  █████████████▊      76 %\n"
            "10.0.0.5                     9.8 GB    2.1 GB   14 020  ████▏               24 %\n"
            "other (1)                     310 B      95 B        1                       0 %\n"
            "other (max_keys)             1.0 kB       0 B        3                       0 %\n"
            "total                       48.0 GB    2.5 GB   16 335                     100 %\n");
}

TEST(ReportText, SaysWhatIsMissingAndWhy) {
  Report report = sample();
  EXPECT_EQ(completeness_text(report), "complete");
  report.missing.lost_events = 12;
  report.missing.counters_fell = 2;
  report.gaps = {{report.from, report.from + 3min, "not_running"}};
  EXPECT_FALSE(report.complete());
  EXPECT_EQ(completeness_text(report),
            "missing: about 12 connections (events lost); parts of 2 connections (another program "
            "set their counters to zero); 3 min (ctflowd did not run)");
  const std::string table = report_table(report, berlin(), {});
  EXPECT_THAT(table, testing::HasSubstr(" incomplete\n"));
  EXPECT_THAT(table, testing::HasSubstr("\nmissing: about 12"));
}

TEST(ReportText, HasWordsForOneOfEach) {
  Report report = sample();
  report.missing = {.lost_events = 1, .no_counters = 1, .counters_fell = 1, .late = 1};
  EXPECT_EQ(completeness_text(report),
            "missing: about 1 connection (events lost); 1 report of a connection (without "
            "counters); parts of 1 connection (another program set its counters to zero)");
  const char* const late = " older than the minutes that are kept, and count";
  EXPECT_THAT(report_table(report, berlin(), {}),
              testing::HasSubstr(fmt::format("\n1 report was{}s later\n", late)));
  report.missing = {.no_counters = 14'020, .late = 2};
  EXPECT_EQ(completeness_text(report), "missing: 14 020 reports of connections (without counters)");
  EXPECT_THAT(report_table(report, berlin(), {}),
              testing::HasSubstr(fmt::format("\n2 reports were{} later\n", late)));
}

TEST(ReportText, NamesWhoOrWhatTookAwayWhatIsMissing) {
  Report report = sample();
  report.missing.counters_fell = 2;
  report.causes = {{kCountersReset, "nlbwmon"},
                   {kFlowtableUncounted, "inet f fast"},
                   {kFlowtableUncounted, "ip f \x1b[2J"},
                   {kHardwareUncounted, "MediaTek's HNAT"}};
  EXPECT_EQ(completeness_text(report),
            "missing: parts of 2 connections (another program set their counters to zero: seen "
            "nlbwmon); what was forwarded by inet f fast, ip f \\x1b[2J (a flowtable that does not "
            "count); what was forwarded by MediaTek's HNAT (past the counters)");
  const auto json = nlohmann::json::parse(report_json(report, {}));
  const auto& causes = json.at("missing").at("causes");
  ASSERT_EQ(causes.size(), 4U);
  EXPECT_EQ(causes[0].at("kind"), "counters_reset");
  EXPECT_EQ(causes[0].at("name"), "nlbwmon");
  report.missing = {};
  report.causes = {{kHardwareUncounted, "MediaTek's HNAT"}};
  EXPECT_FALSE(report.complete());
}

TEST(ReportText, SaysThatEndsWereNotHeardOf) {
  Report report = sample();
  report.causes = {{kConnectionsVanished, ""}, {kEventsOff, ""}};
  EXPECT_FALSE(report.complete());
  EXPECT_EQ(completeness_text(report),
            "missing: the last traffic of connections that vanished without an event; connections "
            "that ended while the kernel sent no events (nf_conntrack_events=0)");
}

TEST(ReportText, SaysLongTimesInDaysAndHours) {
  Report report = sample();
  const auto gap_of = [&](std::chrono::minutes length) {
    report.gaps = {{report.from, report.from + length, "not_running"}};
    return completeness_text(report);
  };
  EXPECT_EQ(gap_of(59min), "missing: 59 min (ctflowd did not run)");
  EXPECT_EQ(gap_of(61min), "missing: 1 h 1 min (ctflowd did not run)");
  EXPECT_EQ(gap_of(24h), "missing: 24 h (ctflowd did not run)");
  EXPECT_EQ(gap_of(72h + 59min), "missing: 3 days (ctflowd did not run)");
  EXPECT_EQ(gap_of(26 * 24h + 10h + 31min), "missing: 26 days 10 h (ctflowd did not run)");
}

TEST(ReportText, DoesNotCountTheMinuteThatGoesOnInTheHeading) {
  Report report = sample();
  report.now = report.from + 90min;
  report.until = report.now + 1min;
  EXPECT_THAT(title_line(report, berlin(), "by host", ""), testing::HasSubstr("(1 h 30 min)"));
  report.now = report.from;
  report.until = report.now + 1min;
  EXPECT_THAT(title_line(report, berlin(), "by host", ""), testing::HasSubstr("(1 min)"));
}

TEST(ReportText, HasSharesOfSumsThatNeedAll64Bits) {
  Report report;
  report.by = "host";
  constexpr std::uint64_t kMany = 1'000'000'000'000'000'000;
  report.rows = {{"10.0.0.5", "", {kMany, 0, 1, 1, 1}}, {"10.0.0.6", "", {0, 3 * kMany, 1, 1, 1}}};
  for (const ReportRow& row : report.rows) report.total += row.amounts;
  const std::string table = report_table(report, berlin(), {});
  EXPECT_THAT(table, testing::HasSubstr(" 25 %\n"));
  EXPECT_THAT(table, testing::HasSubstr(" 75 %\n"));
}

TEST(ReportText, EscapesNamesForTerminals) {
  Report report = sample();
  report.rows[0].name = "\x1b[2J";
  EXPECT_THAT(report_table(report, berlin(), {}), testing::Not(testing::HasSubstr("\x1b")));
  EXPECT_THAT(report_json(report, {}), testing::Not(testing::HasSubstr("\x1b")));
}

TEST(ReportText, HasEveryNumberInJson) {
  ReportView view;
  view.top = 1;
  view.scope = "internet only";
  const auto json = nlohmann::json::parse(report_json(sample(), view));
  EXPECT_EQ(json.at("v"), 1);
  EXPECT_EQ(json.at("from"), "2026-11-22T09:00:00Z");
  EXPECT_EQ(json.at("rows").size(), 3U) << "all, whatever the table shows";
  EXPECT_EQ(json.at("rows")[0].at("down_octets"), 38'200'000'000U);
  EXPECT_EQ(json.at("other").at("connections"), 3);
  EXPECT_EQ(json.at("complete"), true);
  EXPECT_EQ(json.at("missing").at("gaps").size(), 0U);
}

TEST(ReportText, IsCsv) {
  Report report = sample();
  report.rows.resize(1);
  report.rows[0].name = "a,\"b\"";
  EXPECT_EQ(report_csv(report),
            "kind,name,down_octets,up_octets,down_packets,up_packets,connections\n"
            "key,\"a,\"\"b\"\"\",38200000000,410000000,1,1,2311\n"
            "other,,1000,0,1,0,3\n");
}

TEST(ReportText, HasNoFormulaInCsv) {
  Report report = sample();
  const auto name_in_csv = [&](const std::string& name) {
    report.rows = {{name, "", {1, 2, 3, 4, 5}}};
    const std::string csv = report_csv(report);
    const std::string begin = "connections\nkey,";
    const auto from = csv.find(begin) + begin.size();
    return csv.substr(from, csv.find(",1,2,3,4,5\n") - from);
  };
  EXPECT_EQ(name_in_csv("=HYPERLINK(\"http://198.51.100.1/\",\"tv\")"),
            "\"'=HYPERLINK(\"\"http://198.51.100.1/\"\",\"\"tv\"\")\"");
  EXPECT_EQ(name_in_csv("+1"), "'+1");
  EXPECT_EQ(name_in_csv("-1"), "'-1");
  EXPECT_EQ(name_in_csv("@SUM(A1)"), "'@SUM(A1)");
  EXPECT_EQ(name_in_csv("a=b"), "a=b");
  EXPECT_EQ(name_in_csv("\x1b[2J"), "\\x1b[2J") << "as in JSON";
}

TEST(ReportText, DividesNothingByNothing) {
  Report report;
  report.by = "host";
  EXPECT_THAT(report_table(report, berlin(), {}), testing::HasSubstr("total"));
}

}  // namespace
}  // namespace ctflow::accounting
