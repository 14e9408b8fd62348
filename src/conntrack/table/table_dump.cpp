// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/table_dump.hpp"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "ctflow/clock.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kEntriesPerPart = 100;  // of about 320 octets
constexpr milliseconds kShortestGap{1};
constexpr milliseconds kLongestGap{1000};
constexpr int kPartsPerTurn = 8;
constexpr int kPatience = 10'000;  // ms for one part

/// For all entries of both families.
std::array<std::byte, NLMSG_HDRLEN + sizeof(nfgenmsg)> dump_request(TableDump::What what,
                                                                    std::uint32_t sequence) {
  const std::uint16_t type =
      what == TableDump::What::kDying ? IPCTNL_MSG_CT_GET_DYING : IPCTNL_MSG_CT_GET;
  nlmsghdr header{};
  header.nlmsg_len = NLMSG_HDRLEN + sizeof(nfgenmsg);
  header.nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type);
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = sequence;
  const nfgenmsg generic{AF_UNSPEC, NFNETLINK_V0, 0};
  std::array<std::byte, NLMSG_HDRLEN + sizeof(nfgenmsg)> request{};
  std::memcpy(request.data(), &header, sizeof header);
  std::memcpy(request.data() + NLMSG_HDRLEN, &generic, sizeof generic);
  return request;
}

}  // namespace

bool TableDump::may_be_cut(std::size_t part) {
  constexpr std::size_t kLongestEntry = 1024;
  // The kernel's socket buffers for parts have one page, or what is read at once; a part of the
  // other size follows when memory is short. The end of either is used for its own bookkeeping.
  constexpr std::size_t kBookkeeping = 512;
  for (const std::size_t size : {std::size_t{4096}, kPart}) {
    if (part + kLongestEntry + kBookkeeping > size && part <= size) return true;
  }
  return false;
}

void TableDump::Closer::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

bool TableDump::request(DumpConsumer& consumer) {
  cancel();
  consumer_ = &consumer;
  consistent_ = true;
  cut_ = false;
  // A socket for each pass: nothing of a pass that was given up can come up in the next.
  socket_.reset(mnl_socket_open2(NETLINK_NETFILTER, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket_ || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
    end(fail("opening a netlink socket", errno));
    return false;
  }
  const auto message = dump_request(what_, ++sequence_);
  if (mnl_socket_sendto(socket_.get(), message.data(), message.size()) < 0) {
    end(fail("asking for the connection table", errno));
    return false;
  }
  // The kernel wrote the first part within that call. A clock read before it could be earlier than
  // packets that the part has counted.
  written_ = system_now();
  consumer.on_part_requested();
  return true;
}

void TableDump::start(DumpConsumer& consumer, std::size_t entries, milliseconds duration) {
  if (!request(consumer)) return;
  const std::size_t parts = entries / kEntriesPerPart + 1;
  gap_ =
      std::clamp<std::chrono::steady_clock::duration>(duration / parts, kShortestGap, kLongestGap);
  next_ = std::chrono::steady_clock::now();
  wait(next_);
}

void TableDump::wait(MonoTime until) {
  timer_.at(until, [this] { read_due(); });
}

void TableDump::read_due() {
  for (int i = 0; i < kPartsPerTurn; ++i) {
    const auto now = std::chrono::steady_clock::now();
    if (next_ > now) return wait(next_);
    const State state = read_part();
    if (!running()) return;  // the consumer gave it up
    if (state == State::kDone || state == State::kFailed) return end(state);
    // Late, as after a burst of events: go on from here, do not hurry.
    next_ = std::max(next_ + gap_, now);
  }
  wait(next_);
}

void TableDump::run(DumpConsumer& consumer) {
  if (!request(consumer)) return;
  State state = State::kMore;
  while (state == State::kMore || state == State::kWaiting) {
    if (state == State::kWaiting) {
      pollfd descriptor{mnl_socket_get_fd(socket_.get()), POLLIN, 0};
      if (poll(&descriptor, 1, kPatience) <= 0) {
        state = fail("waiting for the connection table", ETIMEDOUT);
        break;
      }
    }
    state = read_part();
  }
  end(state);
}

TableDump::State TableDump::read_part() {
  sockaddr_nl sender{};
  iovec vector{buffer_.data(), buffer_.size()};
  msghdr header{};
  header.msg_name = &sender;
  header.msg_namelen = sizeof sender;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  const ssize_t length = recvmsg(mnl_socket_get_fd(socket_.get()), &header, MSG_DONTWAIT);
  if (length < 0) {
    if (errno == EAGAIN || errno == EINTR) return State::kWaiting;
    return fail("reading the connection table", errno);
  }
  const Instant now = system_now();
  if (sender.nl_pid != 0) return State::kMore;
  if ((header.msg_flags & MSG_TRUNC) != 0) return fail("reading the connection table", EMSGSIZE);
  // What was read now had been written at the last read; the kernel has just written the next part.
  const Bytes part = Bytes(buffer_).first(static_cast<std::size_t>(length));
  const State state = read_messages(part);
  if (state == State::kMore) cut_ = what_ == What::kDying && may_be_cut(part.size());
  written_ = now;
  consumer_->on_part_requested();
  return state;
}

TableDump::State TableDump::read_messages(Bytes part) {
  Messages messages(part);
  Bytes message;
  while (messages.next(message)) {
    const auto flags = load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_flags));
    if ((flags & NLM_F_DUMP_INTR) != 0) consistent_ = false;
    const auto type = load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type));
    if (type != NLMSG_DONE && type != NLMSG_ERROR) {
      consumer_->on_entry(message, written_);
      continue;
    }
    // Both carry an error number, 0 or negative.
    if (message.size() < NLMSG_HDRLEN + sizeof(std::int32_t))
      return fail("reading the connection table", EBADMSG);
    const auto error = static_cast<std::int32_t>(load_host<std::uint32_t>(message, NLMSG_HDRLEN));
    if (error != 0) return fail("reading the connection table", -error);
    return State::kDone;
  }
  if (messages.malformed()) return fail("reading the connection table", EBADMSG);
  return State::kMore;
}

TableDump::State TableDump::fail(const char* what, int error) {
  if (error_log_.allow()) {
    log::warn("table_dump_failed while={} error={} suppressed={}", log::quoted(what),
              log::quoted(std::generic_category().message(error)), error_log_.suppressed());
  }
  return State::kFailed;
}

void TableDump::end(State state) {
  socket_.reset();
  consumer_->on_pass_end(state == State::kDone && consistent_ && !cut_);
}

void TableDump::cancel() {
  timer_.cancel();
  socket_.reset();
}

}  // namespace ctflow
