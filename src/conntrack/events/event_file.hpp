// SPDX-License-Identifier: GPL-2.0-or-later
// Recorded events: a pcap file of link type NETLINK (253), which Wireshark reads as well. Each
// packet is one datagram behind the 16 octets of struct sockaddr_ll's likeness that this link type
// demands (https://www.tcpdump.org/linktypes/LINKTYPE_NETLINK.html). Between them, as messages of
// NETLINK_USERSOCK: the timeouts that were in force from then on, as text.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "conntrack/events/event_listener.hpp"
#include "conntrack/flow/timeouts.hpp"

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
  /// The timeouts in force, at the beginning and where they are others than before.
  void on_timeouts(const Timeouts& timeouts, TimePoint time);
  /// Hands what was written to the system. Throws EventFileError when the disk is full.
  void on_batch_end() override;

  [[nodiscard]] std::uint64_t datagrams() const { return datagrams_; }

 private:
  struct Closer {
    void operator()(pcap* handle) const;
    void operator()(pcap_dumper* dumper) const;
  };

  void write(std::byte family, Bytes message, TimePoint time);

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

  /// Called by next() for timeouts that stand in front of the datagram. `values` of what the file
  /// does not say are those of before.
  using TimeoutsHandler = std::function<void(const TimeoutsRead& read, TimePoint time)>;
  void on_timeouts(TimeoutsHandler handler) { on_timeouts_ = std::move(handler); }

  /// Packets so far that are no datagrams of NETLINK_NETFILTER.
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

 private:
  struct Closer {
    void operator()(pcap* handle) const;
  };

  /// False: the packet is something else.
  bool take_timeouts(Bytes packet, TimePoint time);

  std::string file_name_;
  std::unique_ptr<pcap, Closer> handle_;
  [[maybe_unused]] bool swapped_ = false;  ///< the file was written in the other byte order
  std::vector<std::byte> turned_;          ///< a datagram in this machine's order
  Timeouts timeouts_;
  TimeoutsHandler on_timeouts_;
  std::uint64_t skipped_ = 0;
};

}  // namespace ctflow
