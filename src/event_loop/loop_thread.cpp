// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop/loop_thread.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <boost/asio/post.hpp>

#include "process/signals_blocked.hpp"

namespace ctflow {

LoopThread::LoopThread(std::string name, std::chrono::milliseconds patience)
    : name_(std::move(name)), patience_(patience), work_(loop_.get_executor()) {}

LoopThread::~LoopThread() {
  loop_.stop();
  end_pauses();
  if (thread_.joinable()) thread_.join();
}

void LoopThread::start(boost::asio::io_context& owner) {
  const SignalsBlocked blocked;
  thread_ = std::thread([this, &owner] { run(owner); });
  constexpr std::size_t kLongestName = 15;  // pthread_setname_np(3)
  pthread_setname_np(thread_.native_handle(), ("ns:" + name_).substr(0, kLongestName).c_str());
}

void LoopThread::run(boost::asio::io_context& owner) {
  try {
    loop_.run();
  } catch (const std::exception& error) {
    const auto fail = [message = std::string(error.what())] { throw std::runtime_error(message); };
    boost::asio::post(owner, fail);
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

LoopThread::Pause LoopThread::pause() {
  if (!thread_.joinable()) return {};
  if (depth_ == 0) {
    std::unique_lock lock(mutex_);
    const std::uint64_t number = ++asked_;
    boost::asio::post(loop_, [this, number] { stand(number); });
    if (!changed_.wait_for(lock, patience_, [&] { return stands_ == number || ended_; })) {
      over_ = number;
      throw Busy(fmt::format("the thread of the namespace {} did not answer within {} ms", name_,
                             patience_.count()));
    }
  }
  ++depth_;
  return Pause(*this);
}

void LoopThread::stand(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  if (over_ >= number) return;  // the main loop does not wait any more
  stands_ = number;
  changed_.notify_all();
  changed_.wait(lock, [&] { return over_ >= number; });
}

void LoopThread::go_on() {
  if (--depth_ == 0) end_pauses();
}

void LoopThread::end_pauses() {
  const std::lock_guard lock(mutex_);
  over_ = asked_;
  changed_.notify_all();
}

bool LoopThread::stop() {
  if (!thread_.joinable()) return true;
  loop_.stop();
  end_pauses();
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience_, [&] { return ended_; })) return false;
  }
  thread_.join();
  return true;
}

}  // namespace ctflow
