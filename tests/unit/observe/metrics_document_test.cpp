// SPDX-License-Identifier: GPL-2.0-or-later
// docs/metrics.md, generated from what /metrics answers for a status that has all there can be. To
// write it anew after a change:
//   CTFLOWD_WRITE_DOCS=1 build/tests/unit_tests --gtest_filter='MetricsDocument.*'
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "observe/metrics_text.hpp"
#include "support/generated_document.hpp"
#include "support/sample_status.hpp"
#include "support/source_directory.hpp"

namespace ctflow {
namespace {

OutputStatus output(std::string_view kind, OutputDetails details, bool keeps_messages) {
  OutputStatus one;
  one.kind = kind;
  one.name = "one";
  one.filtered_by_rule.push_back({});
  if (keeps_messages) one.backlog = Backlog{};
  one.last_message = std::chrono::seconds(1);
  one.details = std::move(details);
  return one;
}

Status with_all() {
  Status status = test::sample_status();
  status.databases.push_back({"as_database", "/x.mmdb", "type", {}, 1, 0, ""});
  NamespaceStatus& home = status.namespaces[0];
  home.routing = RoutingStatus{};
  home.groups.emplace_back().name = "group";
  CollectorStatus collector;
  collector.certificates.push_back({});
  NatLogStatus nat_log;
  nat_log.maps = NatMapsStatus{};
  AccountingStatus accounting;
  accounting.usage = Usage{AccountingKey::kDevice, {{"02:00:5e:00:53:01", "name", "out"}}};
  accounting.quotas.push_back({AccountingKey::kNetwork, "office", 1, 1});
  home.outputs = {output("collector", collector, true),
                  output("connection_log", ConnectionLogStatus{}, true),
                  output("nat_log", nat_log, false), output("accounting", accounting, false)};
  return status;
}

struct Metric {
  std::string help;
  std::string type;
  std::vector<std::string> labels{};  ///< in their order
};

/// Adds the names of a sample's labels; values have no quotes in them here.
void add_labels(const std::string& sample, std::vector<std::string>& to) {
  std::size_t at = sample.find('{');
  while (at != std::string::npos) {
    const std::size_t equals = sample.find("=\"", at);
    if (equals == std::string::npos) return;
    const std::string name = sample.substr(at + 1, equals - at - 1);
    if (name != "le" && std::find(to.begin(), to.end(), name) == to.end()) to.push_back(name);
    at = sample.find_first_of(",}", sample.find('"', equals + 2));
    if (at != std::string::npos && sample[at] == '}') return;
  }
}

std::map<std::string, Metric> metrics_of(const std::string& text) {
  std::map<std::string, Metric> found;
  std::string name;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mark;
    std::string what;
    words >> mark >> what;
    if (mark != "#") {
      add_labels(line, found[name].labels);
    } else if (what == "HELP") {
      words >> name >> std::ws;
      std::getline(words, found[name].help);
    } else {
      words >> name >> found[name].type;
    }
  }
  return found;
}

std::string document() {
  std::string text =
      "# Metrics\n"
      "\n"
      "What `/metrics` answers, generated from the code. Those of an output, of databases and of "
      "the copy of the\n"
      "routing are there where the configuration has these. "
      "[operations.md](operations.md#status-and-metrics) says what to do about\n"
      "them, and `packaging/prometheus` has rules for alerts. What accounting counts by a key "
      "(`accounting.metrics`) has that key as\n"
      "a label: here it is `device`.\n"
      "\n"
      "| metric | type | labels | what |\n"
      "|---|---|---|---|\n";
  for (const auto& [name, metric] : metrics_of(metrics_text(with_all()))) {
    std::string labels;
    for (const std::string& label : metric.labels) {
      labels += (labels.empty() ? "`" : " `") + label + "`";
    }
    text += fmt::format("| `{}` | {} | {} | {} |\n", name, metric.type, labels, metric.help);
  }
  return text;
}

TEST(MetricsDocument, IsWhatMetricsAnswers) {
  test::expect_document("docs/metrics.md", document());
}

TEST(MetricsDocument, HasEveryNameThatTheCodeSpells) {
  const std::string generated = document();
  for (const std::string name : {"metrics_text.cpp", "output_metrics.cpp"}) {
    std::ifstream file(test::source_directory() + "/src/observe/" + name);
    const std::string code{std::istreambuf_iterator<char>(file), {}};
    std::set<std::string> spelled;
    for (std::size_t at = code.find("\"ctflowd_"); at != std::string::npos;
         at = code.find("\"ctflowd_", at + 1)) {
      spelled.insert(code.substr(at + 1, code.find('"', at + 1) - at - 1));
    }
    EXPECT_FALSE(spelled.empty()) << name;
    for (const std::string& one : spelled) {
      if (one.ends_with('_') || one.find('{') != std::string::npos) continue;  // a prefix
      EXPECT_NE(generated.find("`" + one + "`"), std::string::npos) << one;
    }
  }
}

}  // namespace
}  // namespace ctflow
