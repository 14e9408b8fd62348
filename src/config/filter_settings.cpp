// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/filter_settings.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <utility>

#include "text/network_text.hpp"

namespace ctflow::config {
namespace {

struct NamedProtocol {
  std::string_view name;
  std::uint8_t number;
};
constexpr std::array<NamedProtocol, 11> kProtocols{{{"tcp", IPPROTO_TCP},
                                                    {"udp", IPPROTO_UDP},
                                                    {"icmp", IPPROTO_ICMP},
                                                    {"icmpv6", IPPROTO_ICMPV6},
                                                    {"sctp", IPPROTO_SCTP},
                                                    {"dccp", 33},
                                                    {"udplite", IPPROTO_UDPLITE},
                                                    {"gre", IPPROTO_GRE},
                                                    {"esp", IPPROTO_ESP},
                                                    {"ah", IPPROTO_AH},
                                                    {"igmp", IPPROTO_IGMP}}};

std::size_t bits_of(AddressFamily family) { return family == AddressFamily::kIpv4 ? 32 : 128; }

std::string text_of(const Network& network, std::size_t length) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(network.family == AddressFamily::kIpv4 ? AF_INET : AF_INET6,
            network.address.octets.data(), text.data(), text.size());
  return fmt::format("{}/{}", text.data(), length);
}

Parsed<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  std::optional<Network> found = text::parse_address(text.substr(0, slash));
  if (!found || slash == std::string_view::npos) return {found, ""};
  const std::size_t bits = bits_of(found->family);
  const auto length = integer(0, bits).parse(text.substr(slash + 1)).value;
  if (!length) {
    return {std::nullopt, fmt::format("the length of this prefix is a number from 0 to {}", bits)};
  }
  found->length = static_cast<std::uint8_t>(*length);
  const IpAddress whole = std::exchange(found->address, text::masked(found->address, *length));
  if (whole == found->address) return {found, ""};
  return {std::nullopt, "bits behind the prefix are set: write " + text_of(*found, *length)};
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
  if (!(match == ConnectionMatch{})) return std::nullopt;
  return Complaint{"protocols",
                   "expected protocols, networks, sources, destinations or marks: an entry without "
                   "any of them would match every connection"};
}

Section<ConnectionMatch> connection_match() { return {match_settings(), check_match}; }

}  // namespace

ValueFormat<std::uint64_t> ip_protocol() {
  std::string expected = "an IP protocol: a number from 0 to 255";
  for (const NamedProtocol& one : kProtocols) expected += fmt::format(", {}", one.name);
  return {expected,
          [](std::string_view text) -> Parsed<std::uint64_t> {
            for (const NamedProtocol& one : kProtocols) {
              if (text == one.name) return {std::uint64_t{one.number}, ""};
            }
            return integer(0, 255).parse(text);
          },
          "",
          [](const std::uint64_t& number) -> std::string {
            for (const NamedProtocol& one : kProtocols) {
              if (one.number == number) return std::string(one.name);
            }
            return std::to_string(number);
          }};
}

ValueFormat<Network> network() {
  return {"an IPv4 or IPv6 address, or a network as ADDRESS/LENGTH", parse_network, "",
          [](const Network& one) { return text_of(one, one.length); }};
}

ValueFormat<MarkMatch> mark_match() {
  return {"a mark, or MARK/MASK, integers from 0 to 4294967295", parse_mark, "",
          [](const MarkMatch& one) {
            return one.mask == kMax32 ? std::to_string(one.mark)
                                      : fmt::format("{}/{}", one.mark, one.mask);
          }};
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
