// SPDX-License-Identifier: GPL-2.0-or-later
#include "findings/finding_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "log/log.hpp"
#include "text/escape.hpp"

namespace ctflow {
namespace {

std::string log_line(const Finding& one) {
  const std::string subject =
      one.subject.empty() ? "" : "subject=" + log::quoted(one.subject) + " ";
  return fmt::format("{} {}impact={} fix={}", one.name, subject, log::quoted(one.impact),
                     log::quoted(one.fix));
}

}  // namespace

std::string finding_text(const Finding& finding) {
  return fmt::format("{}{}{}: {}\n  fix: {}\n", text::printable(finding.name),
                     finding.subject.empty() ? "" : " ", text::printable(finding.subject),
                     text::printable(finding.impact), text::printable(finding.fix));
}

std::string findings_for_terminal(const std::string& text, std::size_t columns) {
  constexpr std::string_view kFix = "  fix: ";
  constexpr std::size_t kIndent = 2;
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool fix = line.compare(0, kFix.size(), kFix) == 0;
    out += fix ? line + '\n' : text::wrapped(line, kIndent, columns);
  }
  return out;
}

nlohmann::ordered_json finding_json(const Finding& finding) {
  return {{"name", finding.name},
          {"subject", finding.subject},
          {"impact", finding.impact},
          {"fix", finding.fix}};
}

nlohmann::ordered_json findings_json(const std::vector<Finding>& findings) {
  auto all = nlohmann::ordered_json::array();
  for (const Finding& one : findings) all.push_back(finding_json(one));
  return all;
}

Finding finding_from(const nlohmann::json& json) {
  const auto text = [&](const char* key) { return json.at(key).get<std::string>(); };
  return {text("name"), text("impact"), text("fix"), text("subject")};
}

void log_findings(const Findings& found) {
  for (const Finding& one : found.wrong) log::warn("{}", log_line(one));
  for (const Finding& one : found.notes) log::info("{}", log_line(one));
  for (const std::string& what : found.unchecked) log::info("unchecked what={}", log::quoted(what));
}

}  // namespace ctflow
