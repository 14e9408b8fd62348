// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/fragment_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "text/number_text.hpp"
#include "text/people_text.hpp"

namespace ctflow {
namespace {

using Values = std::map<std::string, std::uint64_t>;

std::optional<std::uint64_t> find(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  if (found == values.end()) return std::nullopt;
  return found->second;
}

/// /proc/net/snmp: a line of names and one of values, both with "Ip:" in front.
Values read_ipv4(const std::string& file_name) {
  Values values;
  std::ifstream file(file_name);
  std::string names;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("Ip: ", 0) != 0) continue;
    if (names.empty()) {
      names = line;
      continue;
    }
    std::istringstream keys(names);
    std::istringstream numbers(line);
    std::string key;
    std::string number;
    keys >> key;
    numbers >> number;
    while (keys >> key && numbers >> number) {
      // Some are signed (DefaultTTL); none of those is looked up.
      if (const auto value = text::parse_number<std::uint64_t>(number)) values[key] = *value;
    }
    return values;
  }
  return values;
}

/// /proc/net/snmp6: a name and a value on each line.
Values read_ipv6(const std::string& file_name) {
  Values values;
  std::ifstream file(file_name);
  std::string key;
  std::uint64_t value = 0;
  while (file >> key >> value) values[key] = value;
  return values;
}

void add_note(const char* family, const std::optional<std::uint64_t>& received,
              const std::optional<std::uint64_t>& fragments, Findings& found) {
  if (!fragments) {
    found.unchecked.push_back(fmt::format("fragments of {}: no counter in /proc/net", family));
    return;
  }
  if (*fragments == 0) return;
  const std::string share =
      received ? fmt::format("of {} received", text::count_text(*received, "packet", "packets"))
               : "number of packets unknown";
  found.notes.push_back(
      {"packets_reassembled",
       fmt::format("{} of {} {} received or sent ({}): conntrack counts reassembled "
                   "packets, so the packet count is lower than on the wire, and the IP headers of "
                   "all fragments but the first are not counted",
                   text::count_text(*fragments, "fragment", "fragments"), family,
                   *fragments == 1 ? "was" : "were", share),
       "no setting of this host; smaller datagrams or a larger MTU at the sender avoid fragments"});
}

}  // namespace

FragmentCounts read_fragments(const std::string& directory) {
  const Values ipv4 = read_ipv4(directory + "/snmp");
  const Values ipv6 = read_ipv6(directory + "/snmp6");
  FragmentCounts counts;
  counts.received4 = find(ipv4, "InReceives");
  counts.fragments4 = std::max(find(ipv4, "ReasmReqds"), find(ipv4, "FragCreates"));
  counts.received6 = find(ipv6, "Ip6InReceives");
  counts.fragments6 = std::max(find(ipv6, "Ip6ReasmReqds"), find(ipv6, "Ip6FragCreates"));
  if (ipv6.empty()) counts.fragments6 = 0;  // a kernel without IPv6
  return counts;
}

Findings check_fragments(const FragmentCounts& counts) {
  Findings found;
  add_note("IPv4", counts.received4, counts.fragments4, found);
  add_note("IPv6", counts.received6, counts.fragments6, found);
  return found;
}

}  // namespace ctflow
