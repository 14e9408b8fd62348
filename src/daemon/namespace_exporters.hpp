// SPDX-License-Identifier: GPL-2.0-or-later
// The exporters of all configured network namespaces, as these are added and removed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "ctflow/status.hpp"
#include "daemon/name_watch.hpp"
#include "daemon/namespace_exporter.hpp"
#include "daemon/retired_outputs.hpp"
#include "event_loop/loop_thread.hpp"
#include "event_loop/roll_call.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow {

/// A namespace is found by its name. When the name is removed, its exporter exports what its table
/// still has and closes it, so that the kernel can destroy it; when the name is made (again), an
/// exporter is opened.
///
/// With `threads: namespaces` each that is configured has a LoopThread. All calls come from the
/// main thread, which lets the others stand wherever it uses what runs in them.
class NamespaceExporters {
 public:
  /// nullptr: the namespace that we run in. Throws when the exporter cannot be opened.
  using Make = std::function<std::unique_ptr<NamespaceExporter>(boost::asio::io_context& io,
                                                                const NamespaceConfig*)>;

  /// None configured: only the namespace that we run in, which does not go.
  NamespaceExporters(boost::asio::io_context& io, const SealedConfig& config, Make make);
  ~NamespaceExporters();

  NamespaceExporters(const NamespaceExporters&) = delete;
  NamespaceExporters& operator=(const NamespaceExporters&) = delete;
  NamespaceExporters(NamespaceExporters&&) = delete;
  NamespaceExporters& operator=(NamespaceExporters&&) = delete;

  /// Opens those that are there. Throws when one of these cannot be opened.
  void open();

  /// An exporter and its thread, in a pause of which it is used.
  class PausableExporter {
   public:
    PausableExporter(NamespaceExporter& exporter, LoopThread* thread)
        : exporter_(&exporter), thread_(thread) {}

    /// Throws LoopThread::Busy.
    [[nodiscard]] LoopThread::Pause pause() const {
      return thread_ == nullptr ? LoopThread::Pause() : thread_->pause();
    }
    NamespaceExporter* operator->() const { return exporter_; }
    [[nodiscard]] NamespaceExporter* get() const { return exporter_; }

   private:
    NamespaceExporter* exporter_;
    LoopThread* thread_;  ///< null: the main one
  };

  /// In the order of the configuration. Valid until the event loop goes on.
  [[nodiscard]] std::vector<PausableExporter> all() const;

  /// From now on the threads run. An exception in one of them comes from the event loop.
  void start_threads();
  /// False, and logged: one of them does not end. all() is without it then.
  [[nodiscard]] bool stop_threads();
  /// Of all threads, until the result goes. Throws LoopThread::Busy.
  [[nodiscard]] std::vector<LoopThread::Pause> pause() const;
  /// Calls `work` from the event loop as soon as each thread has come by.
  void when_all_answer(const std::function<void()>& work);
  /// Runs a handler of each thread's loop, after stop_threads(). How many were ready.
  std::size_t poll_threads();
  [[nodiscard]] bool has_threads() const;

  /// From now on those that are added are opened and started, and removed ones are closed.
  void watch();
  /// … at once, as after a reload.
  void look_now();
  /// While a reload is under way all() stays as it is.
  void hold(bool on) { held_ = on; }
  void stop_watching();

  /// Outputs of closed namespaces still have something to send.
  [[nodiscard]] bool busy() const;
  void finish();

  /// Those that are configured, but have no exporter.
  [[nodiscard]] std::vector<MissingNamespace> missing() const;

 private:
  struct Entry {
    Entry(boost::asio::io_context& io, const NamespaceConfig& which, Threads threads);

    [[nodiscard]] LoopThread::Pause pause() const {
      return thread ? thread->pause() : LoopThread::Pause();
    }

    NamespaceConfig config;
    std::string file;
    std::unique_ptr<LoopThread> thread;  ///< null: the main one
    boost::asio::io_context& loop;       ///< of that thread
    RetiredOutputs retired;
    Timer start_timer;                              ///< of the main thread
    std::unique_ptr<NamespaceExporter> exporter{};  ///< null: it is not there, or cannot be opened
    std::string why{};                              ///< why there is none
    std::string logged{};                           ///< … the last time that it was logged
    log::RateLimit missing_log{};
    bool stuck = false;  ///< its thread did not end
  };

  void look();
  void look_at(Entry& entry);
  void open(Entry& entry) const;
  void close(Entry& entry, const char* why);
  void start_when_ready(Entry& entry, MonoTime latest);
  /// The entry that exports the same connections already; nullptr: none.
  [[nodiscard]] const Entry* same_as(const Entry& entry, const NamespaceIdentity& identity) const;
  void miss(Entry& entry, const std::string& why);

  boost::asio::io_context& io_;
  Make make_;
  std::unique_ptr<NamespaceExporter> own_;  ///< of the namespace that we run in
  std::vector<std::unique_ptr<Entry>> entries_;
  Timer look_timer_;
  std::optional<NameWatch> names_;
  MonoTime unsettled_until_{};
  bool held_ = false;
  RollCall roll_call_;
};

}  // namespace ctflow
