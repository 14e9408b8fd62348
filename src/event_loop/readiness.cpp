// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/readiness.hpp"

#include <sys/epoll.h>

#include <cerrno>
#include <system_error>

#include "process/descriptor.hpp"

namespace ctflow {
namespace {

void control(int epoll, int operation, int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLONESHOT;
  if (epoll_ctl(epoll, operation, descriptor, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

}  // namespace

Readiness::Readiness(boost::asio::io_context& io, int descriptor)
    : descriptor_(descriptor), gate_(io) {
  Descriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.is_open()) {
    throw std::system_error(errno, std::generic_category(), "epoll_create1");
  }
  control(epoll.number(), EPOLL_CTL_ADD, descriptor);
  gate_.assign(epoll.number());
  (void)epoll.release();
}

void Readiness::open_gate() { control(gate_.native_handle(), EPOLL_CTL_MOD, descriptor_); }

void Readiness::close_gate() {
  epoll_event event{};
  epoll_wait(gate_.native_handle(), &event, 1, 0);
}

}  // namespace ctflow
