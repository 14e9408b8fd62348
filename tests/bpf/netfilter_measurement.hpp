// SPDX-License-Identifier: GPL-2.0-or-later
// Prints what the programs at netfilter's hooks measured of the connections of this namespace.
#pragma once

#include "control.hpp"
#include "extras/from_bpf/from_netfilter.hpp"
#include "measured_json.hpp"
#include "netlink/datagram_batch.hpp"
#include "netlink/netlink_socket.hpp"

/// Looks up what ctnetlink tells of, by the daemon's code.
class NetfilterMeasurement {
 public:
  /// `settings`: the directory with nf_conntrack_max, as many as are measured.
  explicit NetfilterMeasurement(const std::string& settings);

  /// Until a signal comes.
  void run();

 private:
  void read_ends();
  void read_end(ctflow::Bytes message);
  void obey(const std::string& command);
  void print_table();
  /// What the programs had no room for.
  void print_losses() const;

  ctflow::NetlinkSocket socket_;
  ctflow::DatagramBatch batch_;
  Control control_;
  ctflow::FromNetfilter source_;
  bool held_ = false;
};
