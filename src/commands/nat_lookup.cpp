// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/nat_lookup.hpp"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <limits>
#include <ostream>
#include <stdexcept>
#include <system_error>

#include "commands/answered.hpp"
#include "config/formats.hpp"
#include "ctflow/config.hpp"
#include "log/log.hpp"
#include "nat_log/answer_text.hpp"
#include "nat_log/audit.hpp"
#include "nat_log/day.hpp"
#include "nat_log/endpoint_text.hpp"
#include "nat_log/look_up.hpp"
#include "text/escape.hpp"
#include "text/protocol_text.hpp"
#include "text/time_text.hpp"

namespace ctflow {
namespace {

constexpr int kCannotSay = 2;

/// What is wrong with the command line: one line for the user.
class BadQuestion : public std::runtime_error {
 public:
  BadQuestion(const std::string& option, const std::string& expected, const std::string& got)
      : std::runtime_error(
            fmt::format("{}: expected {}, got {}", option, expected, text::quoted(got, 64))) {}
};

std::string directory_of(const NatLookupOptions& options, const std::string& config_file) {
  std::string directory = options.directory;
  if (directory.empty()) {
    const Config config = load_config(config_file);
    if (!config.nat_log.enabled()) {
      throw std::runtime_error(config_file +
                               ": nat_log is off: set nat_log.retention, or give --directory");
    }
    directory = config.nat_log.directory;
  }
  if (!options.network_namespace.empty()) directory += "/" + options.network_namespace;
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    throw std::runtime_error(directory + ": there is no such directory, or it cannot be read");
  }
  return directory;
}

/// Without a file of the log "none" would be an answer of another directory.
void expect_files_in(const std::string& directory) {
  if (!nat::list_days(directory).empty()) return;
  throw std::runtime_error(
      directory +
      ": expected files of the NAT log, such as nat-20261123.sqlite, got none: "
      "is it of another --namespace?");
}

nat::AnswerFormat format_of(const NatLookupOptions& options) {
  if (options.format == "table") return nat::AnswerFormat::kTable;
  if (options.format == "json") return nat::AnswerFormat::kJson;
  if (options.format == "csv") return nat::AnswerFormat::kCsv;
  throw BadQuestion("--format", "table, json or csv", options.format);
}

nat::Endpoint address_of(const std::string& option, const std::string& text) {
  const auto address = nat::parse_endpoint(text);
  if (!address || address->port) throw BadQuestion(option, "an IPv4 or IPv6 address", text);
  return *address;
}

nat::Question question_of(const NatLookupOptions& options) {
  nat::Question question;
  const auto who = nat::parse_endpoint(options.who);
  if (!who || !who->port) {
    throw BadQuestion("ADDRESS:PORT",
                      "the public address and port, such as 203.0.113.7:40213 or "
                      "[2001:db8::7]:40213 (for ICMP the identifier)",
                      options.who);
  }
  question.who = *who;
  const auto at = nat::parse_time(options.at);
  if (!at) {
    throw BadQuestion("--at",
                      "a time with its offset from UTC (RFC 3339), such as "
                      "2026-11-23T10:00:00+01:00 or 2026-11-23T09:00:00Z",
                      options.at);
  }
  question.at = *at;
  if (!options.protocol.empty()) {
    question.protocol = text::parse_protocol(options.protocol);
    if (!question.protocol) {
      throw BadQuestion("--protocol", text::protocol_names() + " or a number", options.protocol);
    }
  }
  if (!options.remote.empty()) {
    question.remote = nat::parse_endpoint(options.remote);
    if (!question.remote) throw BadQuestion("--remote", "ADDRESS or ADDRESS:PORT", options.remote);
    if (question.remote->family != question.who.family) {
      throw BadQuestion("--remote", "an address of the same family as the public one",
                        options.remote);
    }
  }
  if (!options.zone.empty()) {
    const auto zone = config::integer(0, std::numeric_limits<std::uint16_t>::max());
    const auto number = zone.parse(options.zone).value;
    if (!number) throw BadQuestion("--zone", zone.expected, options.zone);
    question.zone = static_cast<std::uint16_t>(*number);
  }
  const auto tolerance = config::duration("0ms", "24h");
  const auto parsed = tolerance.parse(options.tolerance);
  if (!parsed.value) throw BadQuestion("--tolerance", tolerance.expected, options.tolerance);
  question.tolerance = *parsed.value;
  question.now = nat::moment_of(std::chrono::system_clock::now());
  return question;
}

void record(const std::string& what, std::ostream& errors) {
  if (nat::record_use(what)) return;
  errors << "warning: /dev/log takes nothing: this use of the log is not recorded\n";
}

int list_subject(const NatLookupOptions& options, const std::string& directory, std::ostream& out,
                 std::ostream& errors) {
  const nat::Endpoint subject = address_of("--subject", options.subject);
  const nat::AnswerFormat format = format_of(options);
  expect_files_in(directory);
  record(fmt::format("nat_log_subject subject={}", nat::address_text(subject)), errors);
  std::vector<nat::Found> rows;
  nat::for_each_row_of(directory, subject, [&](const nat::Found& row) { rows.push_back(row); });
  out << nat::rows_text(rows, format);
  if (rows.empty()) errors << "none: no row and no map has this inside address\n";
  return rows.empty() ? 1 : 0;
}

int exit_status(nat::Verdict verdict) {
  switch (verdict) {
    case nat::Verdict::kOne:
      return 0;
    case nat::Verdict::kNone:
      return 1;
    case nat::Verdict::kSeveral:
      return 3;
    case nat::Verdict::kCannotSay:
      break;
  }
  return kCannotSay;
}

int answer(const NatLookupOptions& options, const std::string& directory, std::ostream& out,
           std::ostream& errors) {
  const nat::Question question = question_of(options);
  const nat::AnswerFormat format = format_of(options);
  record(fmt::format("nat_log_look_up address={} at={} tolerance={}{}{}{}", options.who,
                     text::exact_utc_text(question.at), options.tolerance,
                     question.protocol ? fmt::format(" protocol={}", *question.protocol) : "",
                     question.remote ? " remote=" + options.remote : "",
                     question.zone ? fmt::format(" zone={}", *question.zone) : ""),
         errors);
  const nat::Answer found = nat::look_up(directory, question);
  if (format == nat::AnswerFormat::kJson) {
    out << nat::answer_json(found, question);
  } else {
    out << nat::rows_text(found.found, format);
    (format == nat::AnswerFormat::kCsv ? errors : out) << nat::verdict_text(found, question);
  }
  return exit_status(found.verdict);
}

}  // namespace

int run_nat_lookup(const NatLookupOptions& options, const std::string& config_file,
                   std::ostream& out, std::ostream& errors) {
  return answered(errors, kCannotSay, [&] {
    if (options.subject.empty() == options.who.empty()) {
      throw std::runtime_error("expected either ADDRESS:PORT with --at, or --subject ADDRESS");
    }
    const bool narrowed = !options.at.empty() || !options.protocol.empty() ||
                          !options.remote.empty() || !options.zone.empty() ||
                          options.tolerance != NatLookupOptions().tolerance;
    if (!options.subject.empty() && narrowed) {
      throw std::runtime_error(
          "--subject: prints all rows, of all times: expected no --at, --protocol, --remote, "
          "--zone or --tolerance beside it");
    }
    if (options.subject.empty()) question_of(options);  // before anything is opened
    const std::string directory = directory_of(options, config_file);
    return options.subject.empty() ? answer(options, directory, out, errors)
                                   : list_subject(options, directory, out, errors);
  });
}

int run_nat_log_forget(const NatLookupOptions& options, const std::string& config_file,
                       std::ostream& out, std::ostream& errors) {
  return answered(errors, kCannotSay, [&] {
    const nat::Endpoint subject = address_of("ADDRESS", options.who);
    const std::string directory = directory_of(options, config_file);
    expect_files_in(directory);
    record(fmt::format("nat_log_forget subject={}", nat::address_text(subject)), errors);
    const nat::Forgotten done = nat::forget(directory, subject);
    out << nat::forgotten_text(done);
    if (done.busy == 0) return 0;
    errors << nat::still_there_text(done);
    return kCannotSay;
  });
}

}  // namespace ctflow
