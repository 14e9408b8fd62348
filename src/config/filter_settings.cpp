// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/filter_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "text/network_text.hpp"
#include "text/protocol_text.hpp"

namespace ctflow::config {
namespace {

Parsed<Network> parse_network(std::string_view text) {
  text::ParsedNetwork parsed = text::parse_network(text);
  return {parsed.network, std::move(parsed.fault)};
}

/// Such an entry could never match.
Parsed<MarkMatch> parse_mark(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto mark = integer(0, kMax32).parse(text.substr(0, slash));
  if (!mark.value) return {std::nullopt, mark.hint};
  MarkMatch match{static_cast<std::uint32_t>(*mark.value)};
  if (slash == std::string_view::npos) return {match, ""};
  const auto mask = integer(0, kMax32).parse(text.substr(slash + 1));
  if (!mask.value) return {std::nullopt, mask.hint};
  match.mask = static_cast<std::uint32_t>(*mask.value);
  if ((match.mark & ~match.mask) == 0) return {match, ""};
  return {std::nullopt, "the mark has bits that are not in the mask"};
}

std::optional<Complaint> check_match(const ConnectionMatch& match) {
  if (auto complaint = check_families("", match.networks, match.sources, match.destinations)) {
    return complaint;
  }
  if (!(match == ConnectionMatch{})) return std::nullopt;
  return Complaint{"protocols",
                   "expected protocols, networks, sources, destinations or marks: an entry without "
                   "any of them would match every connection"};
}

Section<ConnectionMatch> connection_match() { return {match_settings(), check_match}; }

}  // namespace

ValueFormat<std::uint64_t> ip_protocol() {
  return {"an IP protocol: a number from 0 to 255, " + text::protocol_names(),
          [](std::string_view text) -> Parsed<std::uint64_t> {
            if (const auto named = text::protocol_named(text)) return {std::uint64_t{*named}, ""};
            return integer(0, 255).parse(text);
          },
          "",
          [](const std::uint64_t& number) {
            return text::protocol_text(static_cast<std::int64_t>(number));
          }};
}

ValueFormat<Network> network() {
  return {"an IPv4 or IPv6 address, or a network as ADDRESS/LENGTH", parse_network, "",
          text::network_text};
}

ValueFormat<MarkMatch> mark_match() {
  return {"a mark, or MARK/MASK, integers from 0 to 4294967295", parse_mark, "",
          [](const MarkMatch& one) {
            return one.mask == kMax32 ? std::to_string(one.mark)
                                      : fmt::format("{}/{}", one.mark, one.mask);
          }};
}

std::optional<Complaint> check_families(const std::string& prefix, const Networks& either,
                                        const Networks& sources, const Networks& destinations) {
  bool ipv4 = true;
  bool ipv6 = true;
  for (const Networks* const list : {&either, &sources, &destinations}) {
    if (list->empty()) continue;
    const auto has = [list](AddressFamily family) {
      return std::any_of(list->begin(), list->end(),
                         [family](const Network& one) { return one.family == family; });
    };
    ipv4 = ipv4 && has(AddressFamily::kIpv4);
    ipv6 = ipv6 && has(AddressFamily::kIpv6);
  }
  if (ipv4 || ipv6) return std::nullopt;
  return Complaint{
      prefix + (destinations.empty() ? "sources" : "destinations"),
      "one list has addresses of IPv4 only and another of IPv6 only, so that this would "
      "never match: make an entry for each family"};
}

std::vector<Setting<ConnectionMatch>> match_settings() {
  using M = ConnectionMatch;
  return {
      words("protocols", kOptional, "IP protocols", ip_protocol(), &M::protocols),
      words("networks", kOptional, "addresses and networks", network(), &M::networks),
      words("sources", kOptional, "addresses and networks", network(), &M::sources),
      words("destinations", kOptional, "addresses and networks", network(), &M::destinations),
      words("marks", kOptional, "marks", mark_match(), &M::marks),
  };
}

Section<FilterConfig> filter_settings() {
  using F = FilterConfig;
  return {{
              list("include", Requirement::kOptional, connection_match(), &F::include),
              list("exclude", Requirement::kOptional, connection_match(), &F::exclude),
          },
          {}};
}

}  // namespace ctflow::config
