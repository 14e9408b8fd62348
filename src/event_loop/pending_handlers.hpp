// SPDX-License-Identifier: GPL-2.0-or-later
// Completion handlers that never run once their owner has revoked them or is gone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace ctflow {

/// What guard() makes: the handler of one asynchronous operation.
template <typename Work>
class GuardedHandler;

/// Asio does not take back a completion that is queued already: after cancel(), close() or the
/// destructor of a timer or socket its handler still runs, and without an error if the operation
/// had succeeded. Therefore every handler of this program comes from guard() of the object whose
/// state it uses, and is not called when revoke() or the destructor came first, whatever had been
/// queued by then.
///
/// A handler may revoke() or destroy what it belongs to, also its own object: the work is moved out
/// of the operation before it is called, and nothing is touched after it.
///
/// What an operation itself needs until it has ended (a buffer, a stream that a composed operation
/// goes on with) is another matter: the work holds it, as it is let go only with the work.
class PendingHandlers {
 public:
  PendingHandlers() = default;
  ~PendingHandlers() { revoke(); }

  PendingHandlers(const PendingHandlers&) = delete;
  PendingHandlers& operator=(const PendingHandlers&) = delete;
  PendingHandlers(PendingHandlers&&) = delete;
  PendingHandlers& operator=(PendingHandlers&&) = delete;

  template <typename Work>
  [[nodiscard]] GuardedHandler<Work> guard(Work work) const {
    return GuardedHandler<Work>(generation_, std::move(work));
  }

  /// No handler that guard() has made until now is called any more.
  void revoke() noexcept { ++*generation_; }

 private:
  template <typename Work>
  friend class GuardedHandler;

  using Generation = std::shared_ptr<std::uint64_t>;

  // Shared because handlers outlive their owner: this is the memory in which they look it up. Made
  // once; a handler costs no allocation.
  Generation generation_ = std::make_shared<std::uint64_t>(0);
};

template <typename Work>
class GuardedHandler {
 public:
  template <typename... Results>
  void operator()(Results&&... results) {
    if (*generation_ != made_) return;
    work_(std::forward<Results>(results)...);
  }

 private:
  friend class PendingHandlers;

  GuardedHandler(PendingHandlers::Generation generation, Work work)
      : generation_(std::move(generation)), made_(*generation_), work_(std::move(work)) {}

  PendingHandlers::Generation generation_;
  std::uint64_t made_;  ///< the generation that it belongs to
  Work work_;
};

/// A guarded handler of whatever work, for virtual functions. It cannot be made of anything else.
template <typename... Results>
class AnyGuardedHandler {
 public:
  template <typename Work>
  AnyGuardedHandler(GuardedHandler<Work> handler)  // NOLINT(google-explicit-constructor)
      : handler_(std::move(handler)) {}

  void operator()(Results... results) { handler_(results...); }

 private:
  std::function<void(Results...)> handler_;
};

}  // namespace ctflow
