// SPDX-License-Identifier: GPL-2.0-or-later
// Recorded events: a pcap file of link type NETLINK (253), which Wireshark reads as well. Each
// packet is one datagram behind the 16 octets of struct sockaddr_ll's likeness that this link type
// demands (https://www.tcpdump.org/linktypes/LINKTYPE_NETLINK.html).
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "conntrack/events/event_listener.hpp"

struct pcap;
struct pcap_dumper;

namespace ctflow {

/// A file that cannot be written or read. what() names the file and the reason.
class EventFileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Writes what a listener reads.
class EventFileWriter : public EventConsumer {
 public:
  /// Creates or overwrites the file, for its owner only: it holds addresses. A symbolic link, a
  /// file of another user and one with a second name are refused. `-` is standard output. Throws
  /// EventFileError.
  explicit EventFileWriter(const std::string& file_name);

  void on_datagram(Bytes datagram, const Instant& time) override;
  /// Hands what was written to the system. Throws EventFileError when the disk is full.
  void on_batch_end() override;

  [[nodiscard]] std::uint64_t datagrams() const { return datagrams_; }

 private:
  struct Closer {
    void operator()(pcap* handle) const;
    void operator()(pcap_dumper* dumper) const;
  };

  std::string file_name_;
  std::unique_ptr<pcap, Closer> handle_;
  std::unique_ptr<pcap_dumper, Closer> dumper_;
  std::vector<std::byte> packet_;
  std::uint64_t datagrams_ = 0;
};

/// Reads such a file, datagram by datagram, also one from a machine of the other byte order.
class EventFileReader {
 public:
  /// Throws EventFileError when it is not a pcap file of netlink datagrams.
  explicit EventFileReader(const std::string& file_name);

  /// The next datagram of NETLINK_NETFILTER; valid until the next call. False at the end of the
  /// file. Throws EventFileError where the file is damaged.
  bool next(Bytes& datagram, TimePoint& time);

  /// Packets so far that are no datagrams of NETLINK_NETFILTER.
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

 private:
  struct Closer {
    void operator()(pcap* handle) const;
  };

  std::string file_name_;
  std::unique_ptr<pcap, Closer> handle_;
  [[maybe_unused]] bool swapped_ = false;  ///< the file was written in the other byte order
  std::vector<std::byte> turned_;          ///< a datagram in this machine's order
  std::uint64_t skipped_ = 0;
};

}  // namespace ctflow
