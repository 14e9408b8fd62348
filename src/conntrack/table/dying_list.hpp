// SPDX-License-Identifier: GPL-2.0-or-later
// Looks at the connections whose end the kernel will send again.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>

#include "conntrack/events/event_listener.hpp"
#include "conntrack/events/event_reader.hpp"
#include "conntrack/table/look_pace.hpp"
#include "conntrack/table/table_dump.hpp"
#include "conntrack/table/unread_ends.hpp"
#include "ctflow/clock.hpp"
#include "event_loop/timer.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

/// The kernel keeps a connection whose DESTROY found no room with a reliable listener on a list,
/// outside of the table, until it could be delivered. From here follows which ends may be forgotten
/// (EndedConnections), and which of the connections that scans no longer meet are
/// not gone (ReportedConnections::keep()).
class DyingList : public UnreadEnds, private DumpConsumer {
 public:
  /// All must outlive this. `home`: the namespace whose list it is.
  DyingList(boost::asio::io_context& io, FlowAssembler& assembler, EventListener& listener,
            const NetworkNamespace& home);

  DyingList(const DyingList&) = delete;
  DyingList& operator=(const DyingList&) = delete;
  DyingList(DyingList&&) = delete;
  DyingList& operator=(DyingList&&) = delete;
  ~DyingList() override = default;

  /// From now on looks once a second, or less often where a look takes long (LookPace) and there is
  /// room for ends, as long as some are remembered.
  void start();

  /// Looks at once, or when the look that is under way has ended, then calls `seen`, unless another
  /// call of look() comes before that begins. `proven`: the look met all that is on the list, and
  /// everything that the kernel had sent until then was read.
  void look(std::function<void(bool proven)> seen) override;

  void stop();

  /// Reads the ends that wait for delivery as if they had been delivered, as often as it takes to
  /// meet all of them. To be called at the stop, while the listener is still a member of its
  /// groups: without a listener the kernel takes all ends for delivered. False: some may be left.
  bool read_ends(EventReader& events);

  /// The same once, of what is left when the listener has left its groups.
  bool read_rest(EventReader& events);

 private:
  void begin();
  void on_entry(Bytes message, const Written& written) override;
  void on_part_requested() override {}
  void on_dump_end(bool complete) override;

  FlowAssembler& assembler_;
  EventListener& listener_;
  TableDump dump_;
  Timer timer_;
  std::function<void(bool proven)> seen_;  ///< of the look that is under way
  std::function<void(bool proven)> next_;  ///< of the one that is to follow
  EventReader* ends_ = nullptr;            ///< takes what is met, if not null
  bool ends_complete_ = false;             ///< all of them were met
  LookPace pace_;
  MonoTime aged_{};        ///< the last look that let ends be forgotten
  bool ages_ = false;      ///< this look does
  std::uint64_t met_ = 0;  ///< in this look
  int failures_ = 0;       ///< looks in a row that met nothing and were not complete
  Flow flow_;
};

}  // namespace ctflow
