// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/dump.hpp"

#include <poll.h>

#include <cerrno>
#include <utility>

#include "process/detached_thread.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::seconds kPatience{2};  // for one part of a dump that is read at once

std::error_code error_of(int error) { return {error, std::generic_category()}; }

}  // namespace

DumpMessage read_dump_message(Bytes message) {
  DumpMessage result;
  const auto flags = load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_flags));
  result.interrupted = (flags & NLM_F_DUMP_INTR) != 0;
  const auto type = load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type));
  if (type == NLMSG_NOOP) result.kind = DumpMessage::Kind::kNothing;
  if (type != NLMSG_DONE && type != NLMSG_ERROR) return result;
  result.kind = DumpMessage::Kind::kEnd;
  // Both carry an error number, 0 or negative.
  if (message.size() < NLMSG_HDRLEN + sizeof(std::int32_t)) {
    result.error = error_of(EBADMSG);
    return result;
  }
  const auto error = load_host<std::int32_t>(message, NLMSG_HDRLEN);
  if (error < 0) result.error = error_of(-error);
  if (error > 0) result.error = error_of(EBADMSG);
  return result;
}

std::error_code Dump::begin(const DumpRequest& request) {
  if (open()) return error_;
  if (const std::error_code error = socket_->request(request, ++sequence_)) fail(error);
  begun_ = system_now();
  return error_;
}

std::error_code Dump::begin_beside(const DumpRequest& request) {
  if (open()) return error_;
  asked_ = std::make_shared<Asked>();
  auto ask = [asked = asked_, socket = socket_, request, sequence = ++sequence_] {
    asked->error = socket->request(request, sequence);
    asked->at = system_now();
    asked->done = true;
  };
  try {
    start_detached("dump", ask);
  } catch (const std::system_error& /*no thread*/) {
    ask();
  }
  return {};
}

std::error_code Dump::open() {
  end();
  interrupted_ = false;
  error_.clear();
  part_ = {};
  try {
    socket_ = std::make_shared<NetlinkSocket>(protocol_);
  } catch (const std::system_error& error) {
    fail(error.code());
  }
  return error_;
}

void Dump::end() {
  socket_.reset();
  asked_.reset();
}

Dump::State Dump::receive() {
  part_ = {};
  if (asked_) {
    if (asking()) return State::kWaiting;
    const auto asked = std::exchange(asked_, nullptr);
    if (asked->error) return fail(asked->error);
    begun_ = asked->at;
  }
  std::error_code error;
  const std::span<const Datagram> datagrams = batch_.receive(socket_->descriptor(), error);
  if (error) return fail(error);
  if (datagrams.empty()) return State::kWaiting;
  const Datagram& datagram = datagrams.front();
  if (!datagram.from_kernel) return State::kMore;
  if (datagram.truncated) return fail(error_of(EMSGSIZE));
  part_ = datagram.bytes;
  return State::kMore;
}

Dump::State Dump::parse(const std::function<void(Bytes)>& take) {
  Messages messages(part_);
  Bytes message;
  while (messages.next(message)) {
    const DumpMessage read = read_dump_message(message);
    interrupted_ = interrupted_ || read.interrupted;
    if (read.error) return fail(read.error);
    if (read.kind == DumpMessage::Kind::kEnd) return State::kDone;
    if (read.kind == DumpMessage::Kind::kNothing) continue;
    take(message);
    if (!running()) return fail(error_of(ECANCELED));
  }
  if (messages.malformed()) return fail(error_of(EBADMSG));
  return State::kMore;
}

bool Dump::wait(std::chrono::milliseconds patience) const {
  pollfd ready{socket_->descriptor(), POLLIN, 0};
  int count = 0;
  do {
    count = poll(&ready, 1, static_cast<int>(patience.count()));
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

Dump::State Dump::fail(std::error_code error) {
  error_ = error;
  end();
  return State::kFailed;
}

std::error_code read_dump(int protocol, const DumpRequest& request,
                          const std::function<void(Bytes)>& take) {
  Dump dump(protocol);
  if (const std::error_code error = dump.begin(request)) return error;
  while (true) {
    if (!dump.wait(kPatience)) return std::make_error_code(std::errc::timed_out);
    Dump::State state = dump.receive();
    if (state == Dump::State::kMore) state = dump.parse(take);
    if (state == Dump::State::kFailed) return dump.error();
    if (state != Dump::State::kDone) continue;
    return dump.interrupted() ? error_of(EAGAIN) : std::error_code();
  }
}

}  // namespace ctflow
