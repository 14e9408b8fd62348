// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses of a name, without waiting for the name service.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "event_loop/pending_handlers.hpp"

namespace ctflow {

/// Each look-up has a thread of its own, so that a name whose server does not answer keeps no other
/// name waiting. getaddrinfo(3) cannot be cancelled: a thread whose answer is not wanted any more
/// ends by itself, and uses neither this object nor the event loop.
class Lookup {
 public:
  using Error = boost::system::error_code;
  using Addresses = std::vector<boost::asio::ip::address>;
  using Answer = std::function<void(const Error&, const Addresses&)>;
  /// What asks, in the thread.
  using Ask = std::function<Error(const std::string& name, Addresses& found)>;

  explicit Lookup(boost::asio::io_context& io, Ask ask = ask_system);
  ~Lookup();

  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;
  Lookup(Lookup&&) = delete;
  Lookup& operator=(Lookup&&) = delete;

  /// The answer comes from the event loop, unless cancel() or the destructor comes first. While a
  /// look-up runs no second one begins: its answer is for the last call. Always the same
  /// name.
  void start(const std::string& name, Answer answer);
  /// The answer is not wanted.
  void cancel();
  /// True while the name service works, also after cancel().
  [[nodiscard]] bool running() const;

  /// getaddrinfo(3).
  static Error ask_system(const std::string& name, Addresses& found);

  /// Look-ups at once, of all objects; beyond them the answer is "try again". Threads of collectors
  /// that a reload removed count as long as they run.
  static constexpr int kAtMost = 256;

 private:
  /// How a thread reaches the event loop, as long as this object exists.
  struct Line;

  void deliver(const Error& error, const Addresses& found);

  boost::asio::io_context& io_;
  Ask ask_;
  std::shared_ptr<Line> line_;  ///< null: none runs. Shared with the thread, which may outlive this
  Answer answer_;
  PendingHandlers pending_;
};

}  // namespace ctflow
