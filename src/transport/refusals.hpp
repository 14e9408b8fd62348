// SPDX-License-Identifier: GPL-2.0-or-later
// What the sockets of one event loop know of each other's refusals.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "ctflow/clock.hpp"

namespace ctflow {

/// A host answers refused datagrams as seldom as once a second, all its senders together (Linux:
/// icmp_ratelimit). So what one socket is answered is true for all that send to the same port, and
/// for what any of them sends until an answer may come again.
class Refusals : public boost::asio::execution_context::service {
 public:
  using Endpoint = boost::asio::ip::udp::endpoint;

  /// By one address and port.
  struct ByPeer {
    std::uint64_t count = 0;
    MonoTime last{};
  };

  /// After that without a refusal what was sent is taken for received.
  static constexpr std::chrono::seconds kAnswersAgain{2};

  inline static boost::asio::execution_context::id id;

  explicit Refusals(boost::asio::execution_context& context) : service(context) {}

  /// The same for all that ask while one of them keeps it.
  std::shared_ptr<ByPeer> by(const Endpoint& peer) {
    std::erase_if(peers_, [](const auto& known) { return known.second.expired(); });
    std::weak_ptr<ByPeer>& known = peers_[peer];
    std::shared_ptr<ByPeer> found = known.lock();
    if (!found) known = found = std::make_shared<ByPeer>();
    return found;
  }

 private:
  void shutdown() noexcept override { peers_.clear(); }

  std::map<Endpoint, std::weak_ptr<ByPeer>> peers_;
};

/// One socket's view of them.
class SeenRefusals {
 public:
  /// The socket sends to this peer from now on.
  void follow(std::shared_ptr<Refusals::ByPeer> peer) {
    peer_ = std::move(peer);
    seen_ = peer_->count;
    due_ = peer_->last == MonoTime{} ? MonoTime::max() : peer_->last + Refusals::kAnswersAgain;
  }

  /// The socket was answered.
  void add(MonoTime now) {
    ++peer_->count;
    peer_->last = now;
  }

  /// Whether a program that listens there now may lack what was sent before: at once after a
  /// refusal, and once more when a later one would have been answered.
  bool take(MonoTime now) {
    if (!any()) return false;
    if (std::exchange(seen_, peer_->count) != peer_->count) {
      due_ = peer_->last + Refusals::kAnswersAgain;
      return true;
    }
    if (now < due_) return false;
    due_ = MonoTime::max();
    return true;
  }

  /// False: take() would be, whatever the time.
  [[nodiscard]] bool any() const {
    return peer_ && (seen_ != peer_->count || due_ != MonoTime::max());
  }

 private:
  std::shared_ptr<Refusals::ByPeer> peer_;
  std::uint64_t seen_ = 0;
  MonoTime due_ = MonoTime::max();  ///< when to repeat it once more
};

}  // namespace ctflow
