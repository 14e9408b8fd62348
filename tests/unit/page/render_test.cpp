// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/render.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "page/status_page.hpp"
#include "support/sample_status.hpp"

namespace ctflow::page {
namespace {

using testing::HasSubstr;
using testing::Not;

PageValues with_usage() {
  PageValues values = values_of(test::sample_status());
  values.accounting = AccountingState::kRead;
  values.written_every = 60;
  UsageValues& usage = values.usage.emplace_back();
  usage.read_at = "10:00";
  UseTable& table = usage.tables.emplace_back();
  table.title = "Today";
  table.by = "device";
  table.since = "2026-11-22 00:00";
  table.rows = {{"tv", 38'200'000'000, 410'000'000, 2311}};
  table.total = table.rows[0];
  return values;
}

TEST(PageRender, SaysThatAllIsWell) {
  const std::string page = render(with_usage());
  EXPECT_THAT(page, HasSubstr("<div class=\"verdict good\"><strong>Complete</strong>"));
  EXPECT_THAT(page, HasSubstr("<td>38.2 GB</td><td>410 MB</td>"));
  EXPECT_THAT(page, HasSubstr("content=\"10\""));
}

TEST(PageRender, BeginsWithTheProblems) {
  PageValues values = with_usage();
  values.problems.push_back({"collector_lossy", "flows are <lost>", "look", "main"});
  const std::string page = render(values);
  EXPECT_THAT(page, HasSubstr("<div class=\"verdict bad\"><strong>1 problem</strong>"));
  EXPECT_THAT(page, HasSubstr("flows are &lt;lost&gt;"));
  values.usage[0].tables[0].missing = "missing: 3 min (ctflowd did not run)";
  EXPECT_THAT(render(values), HasSubstr("1 problem, incomplete"));
}

TEST(PageRender, SaysWhatIsMissingInTheSums) {
  PageValues values = with_usage();
  values.usage[0].tables[0].missing = "missing: 3 min (ctflowd did not run)";
  const std::string page = render(values);
  EXPECT_THAT(page, HasSubstr("<strong>Incomplete</strong>"));
  EXPECT_THAT(page, HasSubstr("<li>Today: missing: 3 min (ctflowd did not run)</li>"));
}

TEST(PageRender, HasNoFaultInWhatWasBeforeAccountingBegan) {
  PageValues values = with_usage();
  values.usage[0].tables[0].missing = "missing: 9 h (accounting began)";
  values.usage[0].tables[0].began = true;
  const std::string page = render(values);
  EXPECT_THAT(page, HasSubstr("<strong>Complete</strong>"));
  EXPECT_THAT(page, HasSubstr("missing: 9 h (accounting began)"));
}

TEST(PageRender, SaysWhatSettingsLeaveOut) {
  PageValues values = with_usage();
  EXPECT_THAT(render(values), Not(HasSubstr("left out")));
  values.usage[0].tables[0].left_out = "not counted: what is left out by zones of namespace <b>";
  const std::string line =
      "<p class=\"dim\">not counted: what is left out by zones of namespace &lt;b&gt;</p>";
  EXPECT_THAT(render(values), HasSubstr(line));
  EXPECT_THAT(render(values), HasSubstr("<strong>Complete</strong>"));
  values.usage[0].tables[0].rows.clear();
  values.usage[0].tables[0].total = {};
  EXPECT_THAT(render(values), HasSubstr(line)) << "it may be why nothing was used";
}

TEST(PageRender, SaysHowAccountingIsSwitchedOn) {
  PageValues values = values_of(test::sample_status());
  const std::string page = render(values);
  EXPECT_THAT(page, HasSubstr("<strong>OK</strong>"));
  EXPECT_THAT(page, HasSubstr("accounting:\n  aggregates:"));
  EXPECT_THAT(page, HasSubstr("192.0.2.10:4739"));
  values.accounting = AccountingState::kNotBuilt;
  EXPECT_THAT(render(values), HasSubstr("built without SQLite"));
}

TEST(PageRender, ComesAgainSoonWhileItReads) {
  PageValues values = with_usage();
  values.accounting = AccountingState::kReading;
  const std::string page = render(values);
  EXPECT_THAT(page, HasSubstr("content=\"2\""));
  EXPECT_THAT(page, Not(HasSubstr("nothing is missing since")));
}

TEST(PageRender, EscapesEveryTextOfOthers) {
  const std::string name = "'\"><script>alert(1)</script>&\xff";
  PageValues values = with_usage();
  values.host = values.version = values.time = name;
  values.problems.push_back({name, name, name, name});
  UsageValues& usage = values.usage[0];
  usage.network_namespace = usage.read_at = name;
  usage.course = {{name, 1, 1, true}, {name, 0, 0, false}};
  UseTable& table = usage.tables[0];
  table.title = table.by = table.since = table.missing = table.rows[0].name = name;
  table.left_out = name;
  table.rest = {{name, 1, 1, 1}};
  values.usage.push_back({name, name, name});
  values.talkers = {{name, name, 10, 60, {{name, 1, 1}}, 1, {name, 2, 2}}};
  values.namespaces[0].name = name;
  OutputValues& output = values.namespaces[0].outputs[0];
  output.name = output.peer = output.state = name;
  const std::string page = render(values);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</")));
  EXPECT_THAT(page, Not(HasSubstr("\xff")));
  EXPECT_THAT(page, HasSubstr("&#39;&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;\\xff"));
}

TEST(PageRender, AllowsNothingButItsStyle) {
  std::string policy;
  for (const auto& [name, value] : page_headers()) {
    if (name == "Content-Security-Policy") policy = value;
  }
  EXPECT_THAT(policy, testing::StartsWith("default-src 'none'; style-src 'sha256-"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_THAT(render(with_usage()), Not(HasSubstr(" style=")));
}

}  // namespace
}  // namespace ctflow::page
