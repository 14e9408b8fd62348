// SPDX-License-Identifier: GPL-2.0-or-later
// An event loop in a thread of its own.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace ctflow {

/// Its owner, which is one other thread, uses what runs in the loop only while the loop stands:
/// before start(), after stop(), and during a pause(), which comes between two handlers. So nothing
/// that runs in it needs a lock. In a pause the owner may begin, cancel and destroy asynchronous
/// operations of the loop.
class LoopThread {
 public:
  /// The loop did not come to stand in time: one of its handlers takes too long.
  class Busy : public std::runtime_error {
   public:
    using std::runtime_error::runtime_error;
  };

  static constexpr std::chrono::milliseconds kPatience{5000};

  /// `patience`: how long pause() and stop() wait for a handler, at most.
  explicit LoopThread(std::string name, std::chrono::milliseconds patience = kPatience);
  /// Waits for the thread without a limit.
  ~LoopThread();

  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  LoopThread(LoopThread&&) = delete;
  LoopThread& operator=(LoopThread&&) = delete;

  [[nodiscard]] boost::asio::io_context& loop() { return loop_; }

  /// Once. An exception of a handler ends the loop; the loop of the owner throws it again, as a
  /// std::runtime_error with its message.
  void start(boost::asio::io_context& owner);

  /// The loop stands as long as this exists.
  class Pause {
   public:
    Pause() = default;  ///< of no loop
    ~Pause() { end(); }
    Pause(Pause&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Pause& operator=(Pause&& other) noexcept {
      end();
      of_ = std::exchange(other.of_, nullptr);
      return *this;
    }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    friend LoopThread;
    explicit Pause(LoopThread& of) : of_(&of) {}
    void end() {
      if (LoopThread* const of = std::exchange(of_, nullptr)) of->go_on();
    }

    LoopThread* of_ = nullptr;
  };

  /// Begins behind whatever is ready in the loop now. Pauses nest. Throws Busy.
  [[nodiscard]] Pause pause();

  /// Ends the loop behind the handler that runs, and every pause. False: that handler takes too
  /// long, and what runs in the loop must not be used any more.
  [[nodiscard]] bool stop();

 private:
  void run(boost::asio::io_context& owner);
  /// In the thread, until that pause is over.
  void stand(std::uint64_t number);
  void go_on();
  void end_pauses();

  const std::string name_;
  const std::chrono::milliseconds patience_;
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  int depth_ = 0;  ///< of pauses; the owner's
  std::mutex mutex_;
  std::condition_variable changed_;
  // Pauses are numbered, so that one that is over is not taken for the next.
  std::uint64_t asked_ = 0;   ///< the last
  std::uint64_t stands_ = 0;  ///< in which the thread stands, or stood last
  std::uint64_t over_ = 0;    ///< it, and all before it
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace ctflow
