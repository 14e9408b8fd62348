// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/address/lookup.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "process/detached_thread.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

namespace asio = boost::asio;

std::atomic<int> threads_running{0};

Lookup::Error error_of(int code) {
  switch (code) {
    case 0:
      return {};
    case EAI_AGAIN:
      return asio::error::host_not_found_try_again;
    case EAI_FAIL:
      return asio::error::no_recovery;
    case EAI_MEMORY:
      return asio::error::no_memory;
    case EAI_SYSTEM:
      return {errno, boost::system::system_category()};
    default:
      return asio::error::host_not_found;
  }
}

std::optional<asio::ip::address> address_of(const addrinfo& entry) {
  if (entry.ai_family == AF_INET && entry.ai_addrlen >= sizeof(sockaddr_in)) {
    sockaddr_in from{};
    std::memcpy(&from, entry.ai_addr, sizeof from);
    return asio::ip::address_v4(wire::network_order(from.sin_addr.s_addr));
  }
  if (entry.ai_family == AF_INET6 && entry.ai_addrlen >= sizeof(sockaddr_in6)) {
    sockaddr_in6 from{};
    std::memcpy(&from, entry.ai_addr, sizeof from);
    asio::ip::address_v6::bytes_type bytes{};
    std::memcpy(bytes.data(), &from.sin6_addr, bytes.size());
    return asio::ip::address_v6(bytes, from.sin6_scope_id);
  }
  return std::nullopt;
}

}  // namespace

struct Lookup::Line {
  using Guard = asio::executor_work_guard<asio::io_context::executor_type>;

  explicit Line(asio::io_context& io) : loop(std::in_place, io.get_executor()) {}

  std::mutex mutex;
  std::optional<Guard> loop;  ///< nothing: it may be destroyed
};

Lookup::Lookup(asio::io_context& io, Ask ask) : io_(io), ask_(std::move(ask)) {}

Lookup::~Lookup() {
  if (!line_) return;
  const std::lock_guard lock(line_->mutex);
  line_->loop.reset();
}

void Lookup::start(const std::string& name, Answer answer) {
  answer_ = std::move(answer);
  if (line_) return;
  line_ = std::make_shared<Line>(io_);
  auto guarded =
      pending_.guard([this](const Error& error, const Addresses& found) { deliver(error, found); });
  const auto work = [line = line_, ask = ask_, name, guarded = guarded] {
    Addresses found;
    const Error error = ask(name, found);
    --threads_running;
    const std::lock_guard lock(line->mutex);
    if (!line->loop) return;
    asio::post(line->loop->get_executor(),
               [guarded = guarded, error, found]() mutable { guarded(error, found); });
    line->loop.reset();
  };
  Error refused = asio::error::host_not_found_try_again;
  if (++threads_running <= kAtMost) {
    try {
      start_detached("lookup", work);
      return;
    } catch (const std::system_error& error) {
      refused = Error(error.code().value(), boost::system::system_category());
    }
  }
  --threads_running;
  asio::post(io_, [guarded, refused]() mutable { guarded(refused, Addresses{}); });
}

void Lookup::deliver(const Error& error, const Addresses& found) {
  // The thread holds the mutex until it has let go of the event loop, which may be destroyed soon.
  std::unique_lock(line_->mutex).unlock();
  line_.reset();
  const Answer answer = std::exchange(answer_, nullptr);  // which may destroy this object
  if (answer) answer(error, found);
}

void Lookup::cancel() { answer_ = nullptr; }

bool Lookup::running() const { return line_ != nullptr; }

Lookup::Error Lookup::ask_system(const std::string& name, Addresses& found) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;  // each address once
  addrinfo* list = nullptr;
  const int code = getaddrinfo(name.c_str(), nullptr, &hints, &list);
  if (code != 0) return error_of(code);
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const auto address = address_of(*entry);
    if (address && std::find(found.begin(), found.end(), *address) == found.end()) {
      found.push_back(*address);
    }
  }
  freeaddrinfo(list);
  return {};
}

}  // namespace ctflow
