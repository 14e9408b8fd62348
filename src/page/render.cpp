// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/render.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "page/escape.hpp"
#include "page/style.hpp"
#include "page/usage_sections.hpp"
#include "text/people_text.hpp"

namespace ctflow::page {
namespace {

constexpr std::size_t kLongText = 400;  // characters of a text that is no name
constexpr int kRefresh = 10;            // seconds
constexpr int kSoon = 2;                // seconds, while values are on their way

std::string problem_item(const Finding& problem) {
  std::string out = fmt::format("<li><strong>{}</strong>", html(problem.name));
  if (!problem.subject.empty()) out += " " + html(problem.subject);
  return out + fmt::format(": {}<br><span class=\"dim\">Fix: {}</span></li>\n",
                           html(problem.impact, kLongText), html(problem.fix, kLongText));
}

/// What accounting lacks, each once.
std::vector<std::string> lacks_of(const PageValues& values) {
  std::vector<std::string> lacks;
  for (const UsageValues& usage : values.usage) {
    for (const UseTable& table : usage.tables) {
      if (table.missing.empty() || table.began) continue;
      lacks.push_back(fmt::format("{}{}: {}", html(table.title),
                                  of_namespace(usage.network_namespace),
                                  html(table.missing, kLongText)));
    }
    if (!usage.error.empty()) {
      lacks.push_back("The database" + of_namespace(usage.network_namespace) + " cannot be read");
    }
  }
  std::sort(lacks.begin(), lacks.end());
  lacks.erase(std::unique(lacks.begin(), lacks.end()), lacks.end());
  return lacks;
}

std::string verdict(const PageValues& values) {
  const std::vector<std::string> lacks = lacks_of(values);
  if (values.problems.empty() && lacks.empty()) {
    const bool counted = values.accounting == AccountingState::kRead;
    return fmt::format(
        "<div class=\"verdict good\"><strong>{}</strong><p class=\"dim\">No problem "
        "now{}</p></div>\n",
        counted ? "Complete" : "OK",
        counted ? ", and nothing is missing since accounting began." : ".");
  }
  std::string out = fmt::format(
      "<div class=\"verdict bad\"><strong>{}</strong>\n<ul>\n",
      values.problems.empty() ? std::string("Incomplete")
                              : text::count_text(values.problems.size(), "problem", "problems") +
                                    (lacks.empty() ? "" : ", incomplete"));
  for (const Finding& one : values.problems) out += problem_item(one);
  for (const std::string& one : lacks) out += "<li>" + one + "</li>\n";
  return out + "</ul></div>\n";
}

std::string output_row(const OutputValues& one) {
  return fmt::format(
      "<tr><td>{} <span class=\"{}\">{}</span><br><span class=\"dim\">{}</span></td>"
      "<td>{}</td><td>{}</td><td{}>{}</td></tr>\n",
      html(one.name), one.good ? "good" : "bad", html(one.state), html(one.peer, kLongText),
      text::count_text(one.sent), text::count_text(one.waiting),
      one.lost > 0 ? " class=\"bad\"" : "", text::count_text(one.lost));
}

std::string outputs_section(const NamespaceValues& home) {
  std::string out =
      fmt::format("<section><h2>Collectors and other outputs{}</h2>\n", of_namespace(home.name));
  if (home.outputs.empty()) return out + "<p>There are none.</p></section>\n";
  out +=
      "<p class=\"dim\">Flow reports since the start</p>\n<table><thead><tr><th "
      "scope=\"col\">output</th><th scope=\"col\">sent</th><th scope=\"col\">waiting</th><th "
      "scope=\"col\">lost</th></tr></thead><tbody>\n";
  for (const OutputValues& one : home.outputs) out += output_row(one);
  return out + "</tbody></table></section>\n";
}

std::string fact(const char* what, const std::string& value, bool bad = false) {
  return fmt::format("<dt>{}</dt><dd{}>{}</dd>\n", what, bad ? " class=\"bad\"" : "", value);
}

std::string source_section(const NamespaceValues& home) {
  std::string table = text::count_text(home.table_entries);
  if (home.table_limit > 0) table += " of " + text::count_text(home.table_limit);
  return fmt::format("<section><h2>Connections{}</h2>\n<dl>\n", of_namespace(home.name)) +
         fact("events a second", fmt::format("{:.1f}", home.events_per_second)) +
         fact("in the connection table", table) +
         fact("removed since the start", text::count_text(home.ended)) +
         fact("flow reports since the start", text::count_text(home.exported)) +
         fact("events dropped by the kernel", text::count_text(home.dropped), home.dropped > 0) +
         fact("flow reports without counters", text::count_text(home.no_counters),
              home.no_counters > 0) +
         "</dl></section>\n";
}

bool waits_for_values(const PageValues& values) {
  return values.accounting == AccountingState::kReading ||
         std::any_of(values.talkers.begin(), values.talkers.end(),
                     [](const Talkers& one) { return one.seconds <= 0; });
}

}  // namespace

std::string render(const PageValues& values) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<meta http-equiv=\"refresh\" content=\"{}\">\n<title>ctflowd{}</title>\n<style>{}</style>\n"
      "</head><body>\n<header><h1>{}</h1><p class=\"dim\">{}</p></header>\n<main>\n",
      waits_for_values(values) ? kSoon : kRefresh,
      values.host.empty() ? "" : " on " + html(values.host), kStyle,
      values.host.empty() ? "ctflowd" : html(values.host), html(values.time));
  out += verdict(values) + "<div class=\"cards\">\n" + usage_sections(values);
  for (const NamespaceValues& home : values.namespaces) {
    out += outputs_section(home) + source_section(home);
  }
  out += "</div></main>\n<footer>";
  if (values.accounting == AccountingState::kRead) {
    out += fmt::format("Usage as accounting has written it, every {} s", values.written_every);
    if (!values.usage.empty() && !values.usage.front().read_at.empty()) {
      out += "; read at " + html(values.usage.front().read_at);
    }
    out += ". ";
  }
  return out + fmt::format("ctflowd {}</footer>\n</body></html>\n", html(values.version));
}

std::vector<std::pair<std::string, std::string>> page_headers() {
  return {{"Content-Security-Policy",
           fmt::format("default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action "
                       "'none'; frame-ancestors 'none'",
                       kStyleHash)},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"}};
}

}  // namespace ctflow::page
