// SPDX-License-Identifier: GPL-2.0-or-later
// Makes of a recording what a machine of the other byte order would have recorded. Written by the
// uapi headers alone, and by structure: which attributes hold others is looked up, not read from
// their flags.
#pragma once

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <cstddef>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "nf_conntrack_flow.h"

namespace ctflow::test {

class ForeignOrder {
 public:
  /// One datagram, which must be well formed.
  static std::string datagram(std::string bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const auto length = take<std::uint32_t>(bytes, at + offsetof(nlmsghdr, nlmsg_len));
      const auto type = take<std::uint16_t>(bytes, at + offsetof(nlmsghdr, nlmsg_type));
      for (const auto& [offset, size] :
           std::map<std::size_t, std::size_t>{{0, 4}, {4, 2}, {6, 2}, {8, 4}, {12, 4}}) {
        turn(bytes, at + offset, size);
      }
      if (type >> 8 == NFNL_SUBSYS_CTNETLINK) {
        attributes(bytes, at + sizeof(nlmsghdr) + sizeof(nfgenmsg), at + length, Level::kTop);
      }
      at += aligned(length);
    }
    return bytes;
  }

  /// A whole pcap file of link type NETLINK.
  static std::string file(const std::string& native) {
    constexpr std::size_t kFileHeader = 24;
    constexpr std::size_t kPacketHeader = 16;
    constexpr std::size_t kCooked = 16;
    std::string out = native.substr(0, kFileHeader);
    for (const auto& [offset, size] : std::map<std::size_t, std::size_t>{
             {0, 4}, {4, 2}, {6, 2}, {8, 4}, {12, 4}, {16, 4}, {20, 4}}) {
      turn(out, offset, size);
    }
    for (std::size_t at = kFileHeader; at < native.size();) {
      const auto captured = take<std::uint32_t>(native, at + 8);
      std::string header = native.substr(at, kPacketHeader);
      for (std::size_t offset = 0; offset < kPacketHeader; offset += 4) turn(header, offset, 4);
      out += header;
      const std::size_t begin = at + kPacketHeader;
      out += native.substr(begin, kCooked);  // in network order
      out += datagram(native.substr(begin + kCooked, captured - kCooked));
      at = begin + captured;
    }
    return out;
  }

 private:
  enum class Level { kTop, kTuple, kProtocolInformation, kFlow, kLeaves };

  static std::size_t aligned(std::size_t length) { return (length + 3) & ~std::size_t{3}; }

  template <typename T>
  static T take(const std::string& bytes, std::size_t at) {
    if (at + sizeof(T) > bytes.size()) throw std::runtime_error("no well-formed recording");
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }

  static void turn(std::string& bytes, std::size_t at, std::size_t size) {
    for (std::size_t i = 0; i < size / 2; ++i) std::swap(bytes[at + i], bytes[at + size - 1 - i]);
  }

  static void attributes(std::string& bytes, std::size_t at, std::size_t end, Level level) {
    while (at + sizeof(nlattr) <= end) {
      const auto length = take<std::uint16_t>(bytes, at);
      const auto type = static_cast<std::uint16_t>(take<std::uint16_t>(bytes, at + 2) & 0x3fff);
      if (length < sizeof(nlattr) || at + length > end) {
        throw std::runtime_error("no well-formed recording");
      }
      turn(bytes, at, 2);
      turn(bytes, at + 2, 2);
      const auto inner = nests(level).find(type);
      if (inner != nests(level).end()) {
        attributes(bytes, at + sizeof(nlattr), at + length, inner->second);
      }
      at += aligned(length);
    }
  }

  static const std::map<unsigned, Level>& nests(Level level) {
    static const std::map<Level, std::map<unsigned, Level>> all{
        {Level::kTop,
         {{CTA_TUPLE_ORIG, Level::kTuple},
          {CTA_TUPLE_REPLY, Level::kTuple},
          {CTA_TUPLE_MASTER, Level::kTuple},
          {CTA_PROTOINFO, Level::kProtocolInformation},
          {CTA_COUNTERS_ORIG, Level::kLeaves},
          {CTA_COUNTERS_REPLY, Level::kLeaves},
          {CTA_TIMESTAMP, Level::kLeaves},
          {CTA_HELP, Level::kLeaves},
          {CTA_SEQ_ADJ_ORIG, Level::kLeaves},
          {CTA_SEQ_ADJ_REPLY, Level::kLeaves},
          {CTA_SECCTX, Level::kLeaves},
          {CTA_SYNPROXY, Level::kLeaves},
          {CTA_FLOW, Level::kFlow}}},
        {Level::kTuple, {{CTA_TUPLE_IP, Level::kLeaves}, {CTA_TUPLE_PROTO, Level::kLeaves}}},
        {Level::kProtocolInformation,
         {{CTA_PROTOINFO_TCP, Level::kLeaves},
          {CTA_PROTOINFO_DCCP, Level::kLeaves},
          {CTA_PROTOINFO_SCTP, Level::kLeaves}}},
        {Level::kFlow, {{CTA_FLOW_ORIG, Level::kLeaves}, {CTA_FLOW_REPLY, Level::kLeaves}}},
        {Level::kLeaves, {}}};
    return all.at(level);
  }
};

}  // namespace ctflow::test
