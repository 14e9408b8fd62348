// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/services.hpp"

namespace ctflow::accounting {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

NamedService tcp(const char* name, std::initializer_list<std::uint16_t> ports) {
  NamedService service{name, {}};
  for (const std::uint16_t port : ports) service.ports.push_back({kTcp, port});
  return service;
}

NamedService udp(const char* name, std::initializer_list<std::uint16_t> ports) {
  NamedService service{name, {}};
  for (const std::uint16_t port : ports) service.ports.push_back({kUdp, port});
  return service;
}

NamedService both(const char* name, std::uint16_t port) {
  return {name, {{kTcp, port}, {kUdp, port}}};
}

}  // namespace

// By the registry of IANA.
// NOLINTBEGIN(cppcoreguidelines-avoid-magic-numbers,readability-magic-numbers)
const std::vector<NamedService>& usual_services() {
  static const std::vector<NamedService> services{
      both("dns", 53),           tcp("dns-over-tls", {853}), tcp("http", {80}),
      tcp("https", {443}),       udp("quic", {443}),         tcp("ssh", {22}),
      tcp("ftp", {21}),          tcp("telnet", {23}),        tcp("smtp", {25, 465, 587}),
      tcp("pop3", {110, 995}),   tcp("imap", {143, 993}),    udp("ntp", {123}),
      udp("dhcp", {67, 68}),     udp("dhcpv6", {546, 547}),  udp("snmp", {161, 162}),
      tcp("smb", {139, 445}),    both("nfs", 2049),          tcp("ldap", {389, 636}),
      both("kerberos", 88),      both("rdp", 3389),          tcp("vnc", {5900}),
      both("sip", 5060),         udp("ipsec", {500, 4500}),  both("openvpn", 1194),
      udp("wireguard", {51820}), udp("mdns", {5353}),        udp("ssdp", {1900}),
      tcp("mqtt", {1883, 8883}), tcp("xmpp", {5222, 5269}),  both("stun", 3478),
      tcp("mysql", {3306}),      tcp("postgresql", {5432}),
  };
  return services;
}
// NOLINTEND(cppcoreguidelines-avoid-magic-numbers,readability-magic-numbers)

}  // namespace ctflow::accounting
