// SPDX-License-Identifier: GPL-2.0-or-later
// What takes the place of the dying list where ends come by records of eBPF programs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

#include "conntrack/assembly/flow_assembler.hpp"
#include "conntrack/events/record_feed.hpp"
#include "conntrack/table/unread_ends.hpp"
#include "event_loop/timer.hpp"

namespace ctflow {

/// A record is sent once, when the entry is removed: nothing comes again. Two CPUs that remove one
/// entry at the same moment may both send one, so ends are remembered for two seconds.
class RecordEnds : public UnreadEnds {
 public:
  /// Both must outlive this.
  RecordEnds(boost::asio::io_context& io, FlowAssembler& assembler, RecordFeed& feed)
      : assembler_(assembler), feed_(feed), timer_(io) {}

  void start() {
    constexpr std::chrono::seconds kAge{1};
    timer_.after(kAge, [this] {
      assembler_.ended.begin_look();
      assembler_.ended.end_look(true);
      start();
    });
  }

  void stop() { timer_.cancel(); }

  void look(std::function<void(bool proven)> seen) override { seen(feed_.catch_up()); }

 private:
  FlowAssembler& assembler_;
  RecordFeed& feed_;
  Timer timer_;
};

}  // namespace ctflow
