// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/usage_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "page/chart.hpp"
#include "page/escape.hpp"
#include "text/people_text.hpp"

namespace ctflow::page {
namespace {

constexpr std::size_t kSentence = 400;  // characters of a text that is no name

std::uint64_t percent_of(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return 0;
  return static_cast<std::uint64_t>(
      std::lround(static_cast<double>(part) * 100 / static_cast<double>(whole)));
}

std::string use_row(const Use& use, const Use& total, const char* kind) {
  const bool of_a_key = *kind == '\0';
  return fmt::format(
      "<tr{}><td>{}{}</td><td>{}</td><td>{}</td><td class=\"more\">{}</td><td>{} %</td></tr>\n",
      of_a_key ? "" : fmt::format(" class=\"{}\"", kind), use.name.empty() ? "-" : html(use.name),
      of_a_key ? share_bar(use.octets(), total.octets()) : "", text::people_text(use.down_octets),
      text::people_text(use.up_octets), text::count_text(use.connections),
      percent_of(use.octets(), total.octets()));
}

std::string use_section(const UseTable& table, const UsageValues& of) {
  std::string out = fmt::format(
      "<section><h2>{} by {}{}</h2><p class=\"dim\">Since {}, internet only, {}</p>\n",
      html(table.title), html(table.by), of_namespace(of.network_namespace), html(table.since),
      table.missing.empty() ? "<span class=\"good\">complete</span>"
      : table.began         ? html(table.missing, kSentence)
                            : "<span class=\"bad\">" + html(table.missing, kSentence) + "</span>");
  if (!table.left_out.empty()) {
    out += "<p class=\"dim\">" + html(table.left_out, kSentence) + "</p>\n";
  }
  if (table.rows.empty() && table.total.octets() == 0) {
    return out + "<p>Nothing was used.</p></section>\n";
  }
  out += fmt::format(
      "<table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">down</th><th "
      "scope=\"col\">up</th><th scope=\"col\" class=\"more\">conns</th><th "
      "scope=\"col\">share</th></tr></thead><tbody>\n",
      html(table.by));
  for (const Use& one : table.rows) out += use_row(one, table.total, "");
  for (const Use& one : table.rest) out += use_row(one, table.total, "rest");
  Use total = table.total;
  total.name = "total";
  return out + use_row(total, table.total, "sum") + "</tbody></table></section>\n";
}

std::string usage_text(const UsageValues& usage, std::uint64_t written_every) {
  if (!usage.error.empty()) {
    return fmt::format(
        "<section class=\"wide\"><h2>Usage{}</h2><p class=\"bad\">The database cannot be read: "
        "{}</p></section>\n",
        of_namespace(usage.network_namespace), html(usage.error, kSentence));
  }
  if (!usage.written) {
    return fmt::format(
        "<section class=\"wide\"><h2>Usage{}</h2><p>Nothing is written yet: accounting writes "
        "every "
        "{} s.</p></section>\n",
        of_namespace(usage.network_namespace), written_every);
  }
  std::string out =
      fmt::format("<section class=\"wide\"><h2>The last 24 hours{}</h2>\n{}</section>\n",
                  of_namespace(usage.network_namespace), course_chart(usage.course));
  for (const UseTable& table : usage.tables) out += use_section(table, usage);
  return out;
}

std::string talker_row(const Talker& talker, const Talker& most, const char* kind) {
  const auto whole = [](const Talker& one) {
    return static_cast<std::uint64_t>(one.down + one.up);
  };
  const bool of_a_key = *kind == '\0';
  return fmt::format("<tr{}><td>{}{}</td><td>{}</td><td>{}</td></tr>\n",
                     of_a_key ? "" : fmt::format(" class=\"{}\"", kind), html(talker.name),
                     of_a_key ? share_bar(whole(talker), whole(most)) : "",
                     text::rate_text(talker.down), text::rate_text(talker.up));
}

std::string talkers_text(const Talkers& talkers) {
  std::string out = fmt::format("<section class=\"wide\"><h2>Now by {}{}</h2>\n", html(talkers.by),
                                of_namespace(talkers.network_namespace));
  if (talkers.seconds <= 0) {
    return out +
           "<p class=\"dim\">Counting began: rates come with the next refresh.</p></section>\n";
  }
  out += fmt::format("<p class=\"dim\">Rates of the last {:.0f} s, internet only</p>\n",
                     talkers.seconds);
  if (talkers.reported_every <= 0) {
    out +=
        "<p class=\"dim\">Connections are counted when they end: set <code>source.active_timeout"
        "</code></p>\n";
  } else if (talkers.seconds + 0.5 < talkers.reported_every) {
    out += fmt::format(
        "<p class=\"dim\">Connections that go on are counted every {:.0f} s: not all are in these "
        "{:.0f} s</p>\n",
        talkers.reported_every, talkers.seconds);
  }
  if (talkers.rows.empty()) return out + "<p>No traffic.</p></section>\n";
  out += fmt::format(
      "<table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">down</th><th "
      "scope=\"col\">up</th></tr></thead><tbody>\n",
      html(talkers.by));
  for (const Talker& one : talkers.rows) out += talker_row(one, talkers.rows.front(), "");
  if (talkers.others > 0) {
    Talker rest{fmt::format("other ({})", talkers.others), talkers.total.down, talkers.total.up};
    for (const Talker& one : talkers.rows) {
      rest.down -= one.down;
      rest.up -= one.up;
    }
    rest.down = std::max(0.0, rest.down);  // rounding may leave less, shown as -0
    rest.up = std::max(0.0, rest.up);
    out += talker_row(rest, talkers.total, "rest");
  }
  Talker total = talkers.total;
  total.name = "total";
  return out + talker_row(total, talkers.total, "sum") + "</tbody></table></section>\n";
}

}  // namespace

std::string of_namespace(const std::string& name) {
  return name.empty() ? "" : " of namespace " + html(name);
}

std::string usage_sections(const PageValues& values) {
  switch (values.accounting) {
    case AccountingState::kOff:
      return "<section class=\"wide\"><h2>Usage</h2><p>Accounting is off: who used how much is not "
             "counted. To switch it on, write to /etc/ctflowd/ctflowd.yaml:</p>\n<pre>accounting:\n"
             "  aggregates:\n    - { name: devices, by: [device] }\n</pre>\n<p>and start ctflowd "
             "again or reload it.</p></section>\n";
    case AccountingState::kNotBuilt:
      return "<section class=\"wide\"><h2>Usage</h2><p>Who used how much is not counted: this "
             "ctflowd was built without SQLite.</p></section>\n";
    case AccountingState::kReading:
      return "<section class=\"wide\"><h2>Usage</h2><p>The database is being read.</p></section>\n";
    case AccountingState::kRead:
      break;
  }
  std::string out;
  for (const UsageValues& usage : values.usage) out += usage_text(usage, values.written_every);
  for (const Talkers& talkers : values.talkers) out += talkers_text(talkers);
  return out;
}

}  // namespace ctflow::page
