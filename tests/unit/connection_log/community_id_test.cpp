// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/community_id.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>

namespace ctflow {
namespace {

/// A tuple with the ports, or for ICMP type and code, of a test vector.
Tuple tuple(std::uint8_t protocol, const char* source, const char* destination,
            std::uint16_t source_port, std::uint16_t destination_port) {
  Tuple result;
  const bool ipv6 = std::string(source).find(':') != std::string::npos;
  result.family = ipv6 ? AddressFamily::kIpv6 : AddressFamily::kIpv4;
  result.protocol = protocol;
  inet_pton(ipv6 ? AF_INET6 : AF_INET, source, result.source.octets.data());
  inet_pton(ipv6 ? AF_INET6 : AF_INET, destination, result.destination.octets.data());
  if (protocol == 1 || protocol == 58) {
    result.icmp_type = static_cast<std::uint8_t>(source_port);
    result.icmp_code = static_cast<std::uint8_t>(destination_port);
    result.icmp_id = 4711;  // no part of it
  } else {
    result.source_port = source_port;
    result.destination_port = destination_port;
  }
  return result;
}

std::string id(const Tuple& of) { return std::string(CommunityId(of).text()); }

struct Vector {
  std::uint8_t protocol;
  const char* source;
  const char* destination;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  const char* id;
};

// Those that the reference implementation publishes (corelight/pycommunityid), seed 0.
constexpr Vector kPublished[] = {
    {6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {6, "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {6, "10.0.0.1", "10.0.0.2", 10, 11569, "1:SXBGMX1lBOwhhoDrZynfROxnhnM="},
    {6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
    {17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
    {17, "8.8.8.8", "192.168.1.52", 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
    {132, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
    {1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
    {1, "192.168.0.1", "192.168.0.89", 0, 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
    // Of a type without an answer the code counts.
    {1, "192.168.0.89", "192.168.0.1", 20, 0, "1:3o2RFccXzUgjl7zDpqmY7yJi8rI="},
    {1, "192.168.0.89", "192.168.0.1", 20, 1, "1:tz/fHIDUHs19NkixVVoOZywde+I="},
    {1, "192.168.0.1", "192.168.0.89", 0, 20, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
    {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0,
     "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
    {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0,
     "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
    {58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00="},
    {58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:507:0:1:260:97ff:fe07:69ea", 3, 0,
     "1:/OGBt9BN1ofenrmSPWYicpij2Vc="},
    {58, "3ffe:501:0:1802:260:97ff:feb6:7ff0", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0,
     "1:bnQKq8A2r//dWnkRW2EYcMhShjc="},
};

TEST(CommunityId, IsThatOfThePublishedVectors) {
  for (const Vector& one : kPublished) {
    EXPECT_EQ(
        id(tuple(one.protocol, one.source, one.destination, one.source_port, one.destination_port)),
        one.id)
        << one.source << " " << one.source_port << " " << one.destination << " "
        << one.destination_port;
  }
}

TEST(CommunityId, OrdersByThePortsWhereAddressesAreTheSame) {
  EXPECT_EQ(id(tuple(6, "192.168.1.42", "192.168.1.42", 42, 41)), "1:eRcf7I/xocOxnYo5pbJBV5NhVm0=");
  EXPECT_EQ(id(tuple(6, "192.168.1.42", "192.168.1.42", 41, 42)), "1:eRcf7I/xocOxnYo5pbJBV5NhVm0=");
}

TEST(CommunityId, LeavesOutPortsOfOtherProtocols) {
  constexpr std::uint8_t kGre = 47;
  EXPECT_EQ(id(tuple(kGre, "192.0.2.1", "192.0.2.2", 1, 2)),
            id(tuple(kGre, "192.0.2.2", "192.0.2.1", 0, 0)));
  EXPECT_NE(id(tuple(kGre, "192.0.2.1", "192.0.2.2", 1, 2)),
            id(tuple(89, "192.0.2.1", "192.0.2.2", 1, 2)));
}

}  // namespace
}  // namespace ctflow
