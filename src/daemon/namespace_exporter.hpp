// SPDX-License-Identifier: GPL-2.0-or-later
// The whole path of one network namespace, from its connection table to the collectors.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/counters.hpp"
#include "ctflow/flow_source.hpp"
#include "ctflow/status.hpp"
#include "daemon/output_filters.hpp"
#include "daemon/own_connections.hpp"
#include "daemon/pipeline.hpp"
#include "daemon/retired_outputs.hpp"
#include "event_loop/timer.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

class NeighbourMirror;
class OriginDatabases;
class RoutingMirror;

class NamespaceExporter : private FlowSink {
 public:
  /// Called during a visit to the namespace. `io`: of this exporter.
  using MakeSource = std::function<std::unique_ptr<FlowSource>(
      boost::asio::io_context& io, const Config& config, const NetworkNamespace& home)>;

  /// Logs what would make the numbers of a namespace wrong, such as a setting of the kernel, given
  /// what is measured there. Called during a visit to the namespace.
  using Check = std::function<void(const SourceConfig& config, const Capabilities& measured)>;

  /// The databases of a configuration; of all namespaces.
  using Databases = std::shared_ptr<const OriginDatabases>;

  /// `which`: nullptr for the namespace that we run in.
  /// Opens all sockets; throws when it cannot. `io` and `ended` must outlive this.
  NamespaceExporter(boost::asio::io_context& io, const Config& config, const NamespaceConfig* which,
                    const MakeSource& make_source, const Databases& databases, Check check = {});
  ~NamespaceExporter() override;

  NamespaceExporter(const NamespaceExporter&) = delete;
  NamespaceExporter& operator=(const NamespaceExporter&) = delete;
  NamespaceExporter(NamespaceExporter&&) = delete;
  NamespaceExporter& operator=(NamespaceExporter&&) = delete;

  /// Called when the source has nothing left and never will have.
  std::function<void()> ended;

  /// True until every collector's name had its first answer and the routes are read.
  [[nodiscard]] bool waiting() const;

  /// Sends templates, then starts the source.
  void start();
  [[nodiscard]] bool started() const { return started_; }

  /// Exports what the source still has, then stops it.
  void stop();

  /// The namespace is removed: exports what its source still has and what its table holds,
  /// logs the totals and lets `heirs` send the rest. Only to be destroyed afterwards.
  void leave(RetiredOutputs& heirs);

  /// Of the namespace; all zero for the one that we run in.
  [[nodiscard]] NamespaceIdentity identity() const { return home_.identity(); }

  /// Sends what waits to be sent, after stop().
  void flush() { pipeline_.flush_at_end(); }

  /// Outputs open their files again.
  void reopen() { pipeline_.reopen(); }

  /// Messages wait for connections that may take them within a moment.
  [[nodiscard]] bool busy() const;

  /// The last call but log_totals(): ends all sessions.
  void finish();

  /// All that a changed configuration makes new, built but not in use.
  struct Change {
    Config config;  ///< as this namespace takes it
    std::unique_ptr<RoutingMirror> mirror;
    std::shared_ptr<const NeighbourMirror> neighbours;  ///< null: nothing asks for them
    Pipeline::Enrichers enrichers;
    Pipeline::Outputs fresh;  ///< by outputs_of(config); null where the old one stays as it is
    OutputFilters filters;    ///< by outputs_of(config)
    bool extras = false;      ///< flows may carry KernelExtras

    Change();
    Change(Change&&) noexcept;
    Change& operator=(Change&&) noexcept;
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;
    ~Change();

    /// Starts what is to be read before it can be used.
    void begin() const;
    [[nodiscard]] bool waiting() const;
    /// It comes too late: ends its outputs, and logs the totals of those that have any. What an
    /// earlier process left on disk may have been sent meanwhile.
    void give_up();
  };

  /// Throws when something cannot be built; then nothing has changed.
  [[nodiscard]] Change prepare(const Config& config, const Databases& databases);

  /// Puts a change into use. A collector whose settings are the same keeps its session.
  void adopt(Change change);

  [[nodiscard]] bool lookup_running() const;

  void log_totals() const;

  [[nodiscard]] NamespaceStatus status() const;
  [[nodiscard]] NamespaceUsage usage(std::optional<AccountingKey> by);

 private:
  void on_flow(Flow& flow) override { pipeline_.handle(flow); }
  void on_batch_end() override {
    pipeline_.end_batch();
    arm_timer();
  }
  void on_checkpoint() override { pipeline_.checkpoint(); }
  void on_source_end() override;

  [[nodiscard]] Config own(const Config& config) const;
  std::unique_ptr<RoutingMirror> make_mirror(const Config& config) const;
  [[nodiscard]] std::shared_ptr<const NeighbourMirror> neighbours_for(const Config& config) const;
  Pipeline::Enrichers make_enrichers(const Change& change, const Databases& databases);
  Pipeline::Outputs take_over(Pipeline::Outputs fresh, const Config& config);
  [[nodiscard]] UpstreamLosses losses() const;
  [[nodiscard]] bool events_off() const;
  void check() const;
  void compare_peers();
  /// Lets the source leave out the connections to peers of outputs; looks again now and then.
  void watch_own_traffic();
  void arm_timer();

  boost::asio::io_context& io_;
  const std::string name_;  ///< empty: the namespace that we run in
  const std::optional<std::uint32_t> domain_;
  const std::vector<std::uint64_t> zones_;
  const Check check_;
  NetworkNamespace home_;
  Config config_;
  Timer timer_;
  Timer own_traffic_timer_;
  OwnConnections own_connections_;
  MonoTime armed_ = MonoTime::max();
  std::unique_ptr<RoutingMirror> mirror_;              ///< null: the routes are not asked
  std::shared_ptr<const NeighbourMirror> neighbours_;  ///< null: nothing asks for them
  InterfaceCounters interface_counters_;
  const std::shared_ptr<OutputContext> context_ = std::make_shared<OutputContext>();
  Pipeline pipeline_;
  RetiredOutputs retired_;
  std::unique_ptr<FlowSource> source_;
  bool extras_ = false;  ///< flows may carry KernelExtras: the templates of all exporters allow it
  bool started_ = false;
  bool compared_ = false;  ///< whether entries turned out to have one destination
};

}  // namespace ctflow
