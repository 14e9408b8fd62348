// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/status_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "findings/finding_text.hpp"
#include "text/columns.hpp"
#include "text/escape.hpp"
#include "text/octets_text.hpp"
#include "text/people_text.hpp"

namespace ctflow {
namespace {

using Json = nlohmann::json;

std::string shown(const Json& value) { return text::printable(value.get<std::string>()); }

/// A name in a column of its own: all of it is in --json.
std::string shown(const Json& value, std::size_t columns) {
  return text::cut(shown(value), columns);
}

constexpr std::size_t kNameColumns = 20;
constexpr std::size_t kPeerColumns = 44;

std::uint64_t number(const Json& value) { return value.get<std::uint64_t>(); }

std::string count(const Json& value) { return text::count_text(number(value)); }

std::string count(const Json& value, const char* one, const char* others) {
  return text::count_text(number(value), one, others);
}

std::string age(std::uint64_t seconds) {
  if (seconds < 120) return fmt::format("{} s ago", seconds);
  if (seconds < 7200) return fmt::format("{} min ago", seconds / 60);
  constexpr std::uint64_t kTwoDays = 172'800;
  if (seconds < kTwoDays) return fmt::format("{} h ago", seconds / 3600);
  return fmt::format("{} days ago", seconds / (kTwoDays / 2));
}

std::string ago(const Json& seconds) {
  return seconds.is_null() ? "" : ", the last " + age(number(seconds));
}

/// With one decimal.
std::string rate(const Json& per_second) {
  constexpr std::uint64_t kTenths = 10;
  const auto tenths =
      static_cast<std::uint64_t>(std::llround(std::max(0.0, per_second.get<double>()) * kTenths));
  return fmt::format("{}.{}", text::count_text(tenths / kTenths), tenths % kTenths);
}

std::string rates(const char* what, const Json& windows) {
  return fmt::format("{}/s {} (10 s {}, 60 s {})", what, rate(windows.at("1s")),
                     rate(windows.at("10s")), rate(windows.at("60s")));
}

std::string duration(double seconds) {
  const auto minutes = static_cast<std::uint64_t>(std::max(0.0, seconds)) / 60;
  if (minutes < 2) return fmt::format("{:.0f} s", seconds);
  if (minutes < 120) return fmt::format("{} min", minutes);
  constexpr std::uint64_t kDay = 1440;
  if (minutes < 2 * kDay) return fmt::format("{} h {} min", minutes / 60, minutes % 60);
  return fmt::format("{} days", minutes / kDay);
}

std::string problems_text(const Json& problems) {
  std::string out;
  for (const Json& one : problems) out += findings_for_terminal(finding_text(finding_from(one)));
  return out;
}

/// Empty where nothing waits.
std::string waiting_text(const Json& one) {
  if (!one.contains("backlog")) return "";
  const Json& waiting = one.at("counters").at("waiting");
  if (number(waiting.at("messages")) == 0) return "";
  const Json& backlog = one.at("backlog");
  const auto part = [&](const char* where, const char* used, const char* most) {
    const std::uint64_t limit = number(backlog.at(most));
    if (limit == 0) return std::string();
    const std::uint64_t octets = number(backlog.at(used));
    return fmt::format(", {} {} of {} ({} %)", where, octets_text(octets), octets_text(limit),
                       octets * 100 / limit);
  };
  std::string out = fmt::format("\n    waiting {} in {}",
                                count(waiting.at("flows"), "flow report", "flow reports"),
                                count(waiting.at("messages"), "message", "messages"));
  const Json& oldest = backlog.at("oldest_seconds");
  if (!oldest.is_null()) {
    out += fmt::format(", the oldest for {}", duration(static_cast<double>(number(oldest))));
  }
  return out + part("in memory", "memory_octets", "memory_limit") +
         part("on disk", "disk_octets", "disk_limit");
}

/// What can still be kept; empty where nothing is.
std::string room_text(const Json& one) {
  if (!one.contains("backlog") || !one.at("backlog").contains("room")) return "";
  const Json& room = one.at("backlog").at("room");
  std::string out = "\n    room for another " + octets_text(number(room.at("octets")));
  if (const Json& flows = room.at("flows"); !flows.is_null()) {
    out += fmt::format(", some {}", count(flows, "flow report", "flow reports"));
  }
  if (const Json& seconds = room.at("seconds"); !seconds.is_null()) {
    out += ", full in " + duration(static_cast<double>(number(seconds)));
  }
  return out;
}

/// How much leaves, and when the last message did. An older ctflowd does not say.
std::string flow_text(const Json& one, const char* what, const char* key) {
  if (!one.contains(key)) return "";
  const Json& last = one.at("last_message_seconds_ago");
  return "\n    " + rates(what, one.at(key)) +
         (last.is_null() ? ", no message yet" : ", last message " + age(number(last)));
}

/// A peer in its column: of one that is too long the host is cut, never the port.
std::string peer_text(const Json& value) {
  std::string peer = shown(value);
  const std::size_t colon = peer.rfind(':');
  constexpr std::size_t kLongestPort = 6;  // with the colon
  const std::size_t rest = colon == std::string::npos ? 0 : peer.size() - colon;
  if (rest == 0 || rest > kLongestPort) return text::cut(peer, kPeerColumns);
  if (text::cut(peer, kPeerColumns) == peer) return peer;
  const std::size_t end = peer[colon - 1] == ']' ? colon - 1 : colon;
  const std::string port = peer.substr(end);
  return text::cut(peer.substr(0, end), kPeerColumns - port.size() - 1) + port;
}

/// Name, state and peer.
std::string head_text(const Json& one) {
  const std::string name = shown(one.at("name"), kNameColumns);
  const std::string state = shown(one.at("state"));
  return fmt::format("  {:<20} {:<12} {}", name, state, peer_text(one.at("peer")));
}

/// Empty where nothing has failed since the start.
std::string failure_text(const Json& one) {
  const Json& failure = one.at("last_failure");
  if (failure.is_null()) return "";
  return fmt::format("\n    failed{}: {}", ago(failure.at("seconds_ago")),
                     shown(failure.at("reason")));
}

/// By the names of the counters; empty where there is one reason only, or none.
std::string reasons_text(const Json& counters) {
  constexpr std::array<const char*, 4> kNotFlows{"lost_messages", "lost_records", "lost_packets",
                                                 "lost_octets"};
  std::string out;
  std::size_t reasons = 0;
  for (const auto& [name, value] : counters.items()) {
    const bool is_reason = name.starts_with("lost_") &&
                           std::find(kNotFlows.begin(), kNotFlows.end(), name) == kNotFlows.end();
    if (!is_reason) continue;
    const std::uint64_t flows = number(value.is_object() ? value.at("flows") : value);
    if (flows == 0) continue;
    out += fmt::format("{}{} {}", reasons++ == 0 ? "" : ", ", shown(Json(name)),
                       text::count_text(flows));
  }
  return reasons < 2 ? "" : ": " + out;
}

std::string lost_text(const Json& one) {
  if (number(one.at("lost")) == 0) return "";
  return fmt::format("\n    lost {}{}{}", count(one.at("lost")),
                     ago(one.at("last_loss_seconds_ago")), reasons_text(one.at("counters")));
}

/// What is not sent and no loss; empty where there is none.
std::string left_out_text(const Json& counters) {
  std::string out;
  const auto add = [&](const char* key, const char* what) {
    const std::uint64_t flows = counters.value(key, std::uint64_t{0});
    if (flows > 0) out += fmt::format("\n    {} {}", what, text::count_text(flows));
  };
  add("filtered", "left out by the filter");
  add("unrepresentable", "IPv6, which NetFlow v5 cannot express:");
  return out;
}

std::string collector_text(const Json& one) {
  const Json& counters = one.at("counters");
  std::string out =
      head_text(one) +
      fmt::format("\n    flow reports {}, records {}, messages {}", count(counters.at("flows")),
                  count(counters.at("records")), count(counters.at("messages"))) +
      flow_text(one, "records", "records_per_second");
  out += lost_text(one);
  out += left_out_text(counters);
  if (number(one.at("refusals")) > 0) {
    out += fmt::format("\n    refused {}{}", count(one.at("refusals"), "time", "times"),
                       ago(one.at("last_refusal_seconds_ago")));
  }
  return text::wrapped(out + failure_text(one) + waiting_text(one) + room_text(one), 2);
}

std::string log_text(const Json& one) {
  std::string out = head_text(one) +
                    fmt::format("\n    lines {}, {}", count(one.at("lines")),
                                octets_text(number(one.at("octets")))) +
                    flow_text(one, "lines", "lines_per_second");
  out += left_out_text(one.at("counters"));
  out += lost_text(one);
  return text::wrapped(out + failure_text(one) + waiting_text(one) + room_text(one), 2);
}

/// Empty where there are none.
std::string logs_text(const Json& one) {
  if (!one.contains("connection_logs") || one.at("connection_logs").empty()) return "";
  std::string out = "connection logs\n";
  for (const Json& log : one.at("connection_logs")) out += log_text(log);
  return out;
}

/// A database: whether the last attempt to write it worked, and where it is.
std::string database_head(const Json& one, const char* place) {
  return fmt::format("  {:<12} {}", one.at("written").get<bool>() ? "written" : "not written",
                     text::cut(shown(one.at(place)), text::kColumns - 15));
}

/// Empty where there is none.
std::string nat_log_text(const Json& one) {
  if (!one.contains("nat_log")) return "";
  const Json& log = one.at("nat_log");
  std::string out =
      "NAT log\n" + database_head(log, "directory") +
      fmt::format("\n    {}, {}, {} for the disk",
                  count(log.at("open_translations"), "translation exists", "translations exist"),
                  count(log.at("holes"), "hole", "holes"),
                  count(log.at("waiting"), "event waits", "events wait"));
  if (log.contains("maps")) {
    const Json& maps = log.at("maps");
    out += fmt::format(
        "\n    {}, {} one without a row",
        count(maps.at("entries"), "entry of maps holds", "entries of maps hold"),
        count(maps.at("followed_map"), "translation followed", "translations followed"));
  }
  return text::wrapped(out + lost_text(log) + failure_text(log), 2);
}

/// Empty where it is off.
std::string accounting_text(const Json& one) {
  if (!one.contains("accounting")) return "";
  const Json& accounting = one.at("accounting");
  const Json& last = accounting.at("last_commit_seconds_ago");
  return text::wrapped(
      "accounting\n" + database_head(accounting, "database") +
          fmt::format(
              "\n    {} in {}, {}",
              count(accounting.at("waiting"), "flow report waits", "flow reports wait"),
              count(accounting.at("waiting_rows"), "row", "rows"),
              last.is_null() ? "no transaction yet" : "last transaction " + age(number(last))) +
          failure_text(accounting),
      2);
}

/// Empty where every connection is exported.
std::string filter_text(const Json& filter) {
  std::string where;
  const auto add = [&](const char* key, const char* text) {
    if (filter.at(key).get<bool>()) where += std::string(where.empty() ? "" : ", ") + text;
  };
  add("kernel_events", "events in the kernel (not counted)");
  add("after_decoding", "after decoding");
  if (where.empty()) return "";
  return "  filter " + where + "\n";
}

/// What is exact, and why no more is.
std::string measuring_text(const Json& kernel, const Json& source) {
  const Json& measured = kernel.at("capabilities");
  const auto is = [&](const char* key) { return measured.at(key).get<bool>(); };
  std::string out = fmt::format("  measured by {}: end times {}, interfaces {}, counters {}\n",
                                shown(measured.at("origin")), is("times") ? "exact" : "estimated",
                                is("interfaces") ? "exact" : "estimated",
                                is("counters") ? "as on the wire" : "of conntrack");
  const std::uint64_t connections = number(source.at("unmeasured"));
  const std::uint64_t packets = number(source.at("unmeasured_packets"));
  if (connections + packets > 0) {
    out += fmt::format("    not measured: {} (no room), {} (interrupted)\n",
                       text::count_text(connections, "connection", "connections"),
                       text::count_text(packets, "packet", "packets"));
  }
  const std::string obstacle = shown(kernel.value("measuring_obstacle", Json("")));
  if (!obstacle.empty()) out += fmt::format("    not better because: {}\n", obstacle);
  return out;
}

std::string namespace_text(const Json& one) {
  const Json& source = one.at("source");
  const Json& pipeline = one.at("pipeline");
  const Json& kernel = one.at("kernel");
  const Json& buffer = kernel.at("receive_buffer");
  const std::string name = shown(one.at("name"));
  std::string out = name.empty() ? "" : fmt::format("namespace {}\n", name);
  out += fmt::format(
      "  in    connections removed {}, interim reports {}\n"
      "        {}\n",
      count(source.at("ended")),
      text::count_text(number(source.at("entries")) + number(source.at("reports")) -
                       number(source.at("entries_skipped")) - number(source.at("reports_skipped"))),
      rates("events", one.at("events_per_second")));
  out += fmt::format("  out   flow reports {}\n", count(pipeline.at("exported")));
  out += fmt::format(
      "  lost  events dropped by the kernel {}{}, flow reports without counters {}\n",
      text::count_text(number(source.at("lost_overrun")) + number(source.at("lost_ends")) +
                       number(source.at("lost_beginnings"))),
      ago(one.at("last_overrun_seconds_ago")), count(pipeline.at("lost_no_counters")));
  out += fmt::format("  table {} of {} entries, receive buffer {} of {} octets used (maximum {})\n",
                     count(kernel.at("table_entries")), count(kernel.at("table_limit")),
                     count(buffer.at("used")), count(buffer.at("octets")),
                     count(buffer.at("most_used")));
  out += measuring_text(kernel, source);
  out = text::wrapped(out + filter_text(kernel.at("filter")), 6);
  if (!one.at("collectors").empty()) out += "collectors\n";
  for (const Json& collector : one.at("collectors")) out += collector_text(collector);
  out += logs_text(one) + nat_log_text(one) + accounting_text(one);
  for (const Json& group : one.at("groups")) {
    const std::string active =
        group.contains("active") ? shown(group.at("active"), kNameColumns) + " is active, " : "";
    out += text::wrapped(
        fmt::format("  group {} ({}): {}switched {}\n", shown(group.at("name"), kNameColumns),
                    shown(group.at("mode")), active, count(group.at("switches"), "time", "times")),
        4);
  }
  return out;
}

}  // namespace

StatusView view_status(const std::string& json) {
  try {
    const Json status = Json::parse(json);
    StatusView view;
    view.well = status.at("well").get<bool>();
    const Json& problems = status.at("problems");
    view.text = view.well ? "OK" : text::count_text(problems.size(), "PROBLEM", "PROBLEMS");
    view.text +=
        fmt::format(" (ctflowd {}, up {})\n", shown(status.at("version")),
                    duration(status.at("time").get<double>() - status.at("started").get<double>()));
    view.text += problems_text(problems);
    for (const Json& one : status.at("namespaces")) view.text += namespace_text(one);
    const Json& reloads = status.at("reloads");
    if (reloads.contains("last_time")) {
      view.text += fmt::format("reloads {}, failed {}\n", count(reloads.at("succeeded")),
                               count(reloads.at("failed")));
    }
    return view;
  } catch (const Json::exception& error) {
    throw std::runtime_error(std::string("this is not the status of a ctflowd: ") + error.what());
  }
}

}  // namespace ctflow
