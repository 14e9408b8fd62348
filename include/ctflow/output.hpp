// SPDX-License-Identifier: GPL-2.0-or-later
// The seam behind the pipeline: where enriched flow reports go. An Exporter (one for each
// collector) is an output; a log or a database is another.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/flow.hpp"
#include "ctflow/flow_filter.hpp"
#include "ctflow/flow_kinds.hpp"
#include "ctflow/interface_names.hpp"
#include "ctflow/status.hpp"

namespace ctflow {

class Exporter;

/// Where an output sends over the network.
struct RemotePeer {
  /// ADDRESS:PORT or [IPv6 ADDRESS]:PORT; anything else is no address yet.
  std::string endpoint;
  bool datagrams = false;        ///< UDP; false: TCP
  std::string source_address{};  ///< empty: the one that the kernel sends from
  std::string bind_device{};     ///< empty: any
};

/// What an output can ask of the path before it: one for all outputs of a network namespace, given
/// to each when it is made. When the namespace is closed the last answers stay.
class OutputContext {
 public:
  /// What never came to any output.
  [[nodiscard]] UpstreamLosses losses() const { return losses_ ? losses_() : last_losses_; }

  /// The kernel sends no events now (nf_conntrack_events=0), and nothing else says what ends.
  [[nodiscard]] bool events_off() const { return events_off_ && events_off_(); }

  /// The state of the source.
  [[nodiscard]] SourceStatus source() const { return source_ ? source_() : SourceStatus{}; }

  /// An output that connects where it likes has begun a connection to one more of its peers().
  void peers_changed() const {
    if (on_peers_) on_peers_();
  }

  /// Null: not known, or not any more.
  [[nodiscard]] const InterfaceNames* interface_names() const { return interface_names_; }

  // For the owner of the path.
  void answer_losses(std::function<UpstreamLosses()> losses) { losses_ = std::move(losses); }
  void answer_events_off(std::function<bool()> off) { events_off_ = std::move(off); }
  void answer_source(std::function<SourceStatus()> source) { source_ = std::move(source); }
  void on_peers_changed(std::function<void()> handler) { on_peers_ = std::move(handler); }
  void set_interface_names(const InterfaceNames& names) { interface_names_ = &names; }
  void close() {
    last_losses_ = losses();
    losses_ = nullptr;
    events_off_ = nullptr;
    source_ = nullptr;
    on_peers_ = nullptr;
    interface_names_ = nullptr;
  }

 private:
  std::function<UpstreamLosses()> losses_;
  UpstreamLosses last_losses_;
  std::function<bool()> events_off_;
  std::function<SourceStatus()> source_;
  std::function<void()> on_peers_;
  const InterfaceNames* interface_names_ = nullptr;
};

/// Takes flow reports and events. Called from the event loop; never blocks, and never throws after
/// construction. What is offered enters a ledger, and leaves it as sent, waiting, lost or filtered.
class Output {
 public:
  /// `kind`: one word, of static storage. `name`: unique among the outputs. `wants`: what offer()
  /// is called for.
  Output(std::string_view kind, std::string name, FlowKinds wants)
      : kind_(kind), name_(std::move(name)), wants_(wants) {}
  virtual ~Output() = default;

  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  Output(Output&&) = delete;
  Output& operator=(Output&&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] FlowKinds wants() const { return wants_; }

  /// Which flow reports take() leaves out. Null: none; what an earlier filter left out stays
  /// counted. To be called while it is in no pipeline.
  void set_filter(std::unique_ptr<FlowFilter> filter) {
    if (filter && filter_) filter->continue_from(filter_->filtered());
    filter_ = std::move(filter);
  }
  [[nodiscard]] bool has_filter() const { return filter_ != nullptr; }

  /// A flow report or event of a kind that it wants: offered, or left out by the filter.
  void take(const Flow& flow, const Instant& now) {
    if (!filter_ || !filters_out(flow)) offer(flow, now);
  }

  /// A flow report or event of a kind that it wants. `now` is read once for each batch of events:
  /// it may be a little earlier than the true time.
  virtual void offer(const Flow& flow, const Instant& now) = 0;

  /// No more is offered just now: what was gathered to leave together leaves.
  virtual void end_batch() {}

  /// Does what is due by time; to be called at deadline().
  virtual void tick() = 0;
  [[nodiscard]] virtual MonoTime deadline() const = 0;

  /// Sends, or writes, what was offered so far.
  virtual void flush() = 0;

  /// The same, when nothing more will be offered: also sends what is due at the end.
  virtual void flush_at_end() { flush(); }

  /// What was offered so far is about to be stored as exported: the next process is offered none of
  /// it again.
  virtual void checkpoint() { flush(); }

  /// Opens its files again: another program has renamed them.
  virtual void reopen() {}

  /// True while something waits that may leave within a moment: a reason to run the event loop on
  /// before stop().
  [[nodiscard]] virtual bool busy() const { return false; }

  /// The last call: the ledger is complete afterwards.
  virtual void stop() {}

  /// True while an answer of the name service is awaited. It cannot be interrupted.
  [[nodiscard]] virtual bool lookup_running() const { return false; }

  /// Those of now; a name that is looked up, or a route that changes, makes others of them.
  [[nodiscard]] virtual std::vector<RemotePeer> peers() const { return {}; }

  /// All but what Trends adds.
  [[nodiscard]] OutputStatus status(const Instant& now) const {
    OutputStatus status;
    status.kind = kind_;
    status.name = name_;
    if (filter_) status.filtered_by_rule = filter_->filtered();
    describe(status, now);
    if (status.last_failure.kind != FailureKind::kNone) {
      status.last_failure_age = age_of(status.last_failure.at, now.steady);
    }
    if (status.backlog && status.backlog->oldest) {
      status.oldest_waiting = age_of(*status.backlog->oldest, now.wall);
    }
    return status;
  }

  /// What it has counted by a key since it was first asked, for as long as it is asked now and
  /// then. Nothing for a key: the most useful one. Nothing: it does not count by that.
  virtual std::optional<Usage> usage(std::optional<AccountingKey> /*by*/) { return std::nullopt; }

  /// For what only collectors do: take over from each other, and share records. Null: it is none.
  virtual Exporter* as_collector() { return nullptr; }

 private:
  /// The rest of its status: peer, whether it can be reached, counters, the last failure, what
  /// waits, and what only its kind has.
  virtual void describe(OutputStatus& status, const Instant& now) const = 0;

  /// Enters a flow report that the filter leaves out in the ledger, and returns what was entered.
  /// Outputs that the configuration gives filters to have it.
  virtual FilteredAmount leave_out(const Flow& /*flow*/) { return {}; }

  /// True, and counted: the filter leaves it out. Apart, because most outputs have none.
  [[gnu::noinline]] bool filters_out(const Flow& flow) {
    FilteredAmount* const counts = filter_->leaves_out(flow);
    if (counts == nullptr) return false;
    const FilteredAmount amount = leave_out(flow);
    counts->flows += amount.flows;
    counts->packets += amount.packets;
    counts->octets += amount.octets;
    return true;
  }

  const std::string_view kind_;
  const std::string name_;
  const FlowKinds wants_;
  std::unique_ptr<FlowFilter> filter_;
};

}  // namespace ctflow
