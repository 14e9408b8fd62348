// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/event_file.hpp"

#include <fcntl.h>
#include <linux/netlink.h>
#include <pcap/pcap.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include "conntrack/events/byte_order.hpp"
#include "conntrack/events/pcap_packets.hpp"
#include "process/descriptor.hpp"
#include "text/errno_text.hpp"

namespace ctflow {
namespace {

constexpr std::size_t kCookedHeader = 16;
constexpr int kSnapshotLength = 65535;
constexpr std::int64_t kLatestSecond = std::int64_t{1} << 33;                // the year 2242
constexpr std::byte kArphrdNetlink[2] = {std::byte{0x03}, std::byte{0x38}};  // 824
constexpr std::byte kFamilyNetfilter{NETLINK_NETFILTER};
constexpr std::byte kFamilyUsersock{NETLINK_USERSOCK};
/// What a message of NETLINK_USERSOCK with timeouts begins with, behind its header.
constexpr std::string_view kTimeoutsTitle = "ctflowd timeouts\n";

/// Nothing: it is no time.
std::optional<TimePoint> time_of(std::int64_t seconds, std::int64_t nanoseconds) {
  constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
  // The file has 32 bits for the seconds, which libpcap takes for a signed number: what would be
  // before 1970 is after 2038.
  constexpr std::int64_t kWrap = std::int64_t{1} << 32;
  if (seconds < 0) seconds += kWrap;
  if (seconds < 0 || seconds > kLatestSecond) return std::nullopt;
  if (nanoseconds < 0 || nanoseconds >= kNanosecondsPerSecond) return std::nullopt;
  return TimePoint(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds));
}

[[noreturn]] void fail(const std::string& file_name, const std::string& why) {
  throw EventFileError(file_name + ": cannot write: " + why);
}

/// A file of our own, empty and closed to others. What is no regular file is taken as it is: a
/// pipe or a device holds nothing.
void claim(const std::string& file_name, int file) {
  struct stat status {};
  if (fstat(file, &status) != 0) fail(file_name, text::errno_text());
  if (!S_ISREG(status.st_mode)) return;
  if (status.st_uid != geteuid()) {
    fail(file_name, "the file belongs to another user; remove it or give another name");
  }
  if (status.st_nlink != 1) {
    fail(file_name,
         "the file has a second name, which would be overwritten too; remove it or give "
         "another name");
  }
  constexpr mode_t kOwner = 0600;
  if (fchmod(file, kOwner) != 0 || ftruncate(file, 0) != 0) fail(file_name, text::errno_text());
}

/// For libpcap, which closes it.
std::FILE* create(const std::string& file_name) {
  if (file_name == "-") return stdout;
  constexpr mode_t kOwner = 0600;
  Descriptor file(
      open(file_name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, kOwner));
  if (!file.is_open()) {
    fail(file_name,
         errno == ELOOP ? "it is a symbolic link; give the file's own name" : text::errno_text());
  }
  claim(file_name, file.number());
  std::FILE* const stream = fdopen(file.number(), "wb");
  if (stream == nullptr) fail(file_name, text::errno_text());
  static_cast<void>(file.release());
  return stream;
}

}  // namespace

void EventFileWriter::Closer::operator()(pcap* handle) const { pcap_close(handle); }
void EventFileWriter::Closer::operator()(pcap_dumper* dumper) const { pcap_dump_close(dumper); }
void EventFileReader::Closer::operator()(pcap* handle) const { pcap_close(handle); }

EventFileWriter::EventFileWriter(const std::string& file_name)
    : file_name_(file_name),
      handle_(pcap_open_dead_with_tstamp_precision(DLT_NETLINK, kSnapshotLength,
                                                   PCAP_TSTAMP_PRECISION_NANO)) {
  if (!handle_) throw EventFileError(file_name + ": out of memory");
  std::FILE* const file = create(file_name);
  dumper_.reset(pcap_dump_fopen(handle_.get(), file));
  if (!dumper_) {
    std::fclose(file);
    fail(file_name, pcap_geterr(handle_.get()));
  }
}

void EventFileWriter::on_datagram(Bytes datagram, const Instant& time) {
  write(kFamilyNetfilter, datagram, time.wall);
  ++datagrams_;
}

void EventFileWriter::on_timeouts(const Timeouts& timeouts, TimePoint time) {
  const std::string text = std::string(kTimeoutsTitle) + text_of(timeouts);
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + text.size());
  header.nlmsg_type = NLMSG_MIN_TYPE;
  std::vector<std::byte> message(header.nlmsg_len);
  std::memcpy(message.data(), &header, sizeof header);
  std::memcpy(message.data() + sizeof header, text.data(), text.size());
  write(kFamilyUsersock, message, time);
}

void EventFileWriter::write(std::byte family, Bytes message, TimePoint time) {
  packet_.assign(kCookedHeader, std::byte{0});
  packet_[2] = kArphrdNetlink[0];
  packet_[3] = kArphrdNetlink[1];
  packet_[15] = family;
  packet_.insert(packet_.end(), message.begin(), message.end());

  const auto since_epoch = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  dump_packet(dumper_.get(), {seconds.count(), (since_epoch - seconds).count(),
                              reinterpret_cast<const unsigned char*>(packet_.data()),
                              static_cast<std::uint32_t>(packet_.size())});
}

void EventFileWriter::on_batch_end() {
  if (pcap_dump_flush(dumper_.get()) != 0 || std::ferror(pcap_dump_file(dumper_.get())) != 0) {
    throw EventFileError(file_name_ + ": cannot write: is the disk full?");
  }
}

EventFileReader::EventFileReader(const std::string& file_name) : file_name_(file_name) {
  std::array<char, PCAP_ERRBUF_SIZE> reason{};
  handle_.reset(pcap_open_offline_with_tstamp_precision(file_name.c_str(),
                                                        PCAP_TSTAMP_PRECISION_NANO, reason.data()));
  if (!handle_) {
    const std::string text = reason.data();
    throw EventFileError(text.find(file_name) != std::string::npos ? text
                                                                   : file_name + ": " + text);
  }
  if (pcap_datalink(handle_.get()) != DLT_NETLINK) {
    throw EventFileError(file_name +
                         ": expected a capture of link type NETLINK as written by "
                         "`ctflowd record`, got another link type");
  }
  swapped_ = pcap_is_swapped(handle_.get()) != 0;
}

bool EventFileReader::take_timeouts(Bytes packet, TimePoint time) {
  constexpr std::size_t kText = kCookedHeader + sizeof(nlmsghdr);
  if (packet.size() < kText || packet[14] != std::byte{0} || packet[15] != kFamilyUsersock) {
    return false;
  }
  const Bytes behind = packet.subspan(kText);
  std::string_view text(reinterpret_cast<const char*>(behind.data()), behind.size());
  if (text.substr(0, kTimeoutsTitle.size()) != kTimeoutsTitle) return false;
  text.remove_prefix(kTimeoutsTitle.size());
  read_timeouts_text(text, timeouts_);
  if (on_timeouts_) on_timeouts_({timeouts_, std::nullopt}, time);
  return true;
}

bool EventFileReader::next(Bytes& datagram, TimePoint& time) {
  PcapPacket found{};
  while (true) {
    const int result = next_packet(handle_.get(), found);
    if (result == PCAP_ERROR_BREAK) return false;
    if (result != 1) throw EventFileError(file_name_ + ": " + pcap_geterr(handle_.get()));
    const Bytes packet(reinterpret_cast<const std::byte*>(found.data), found.length);
    const std::optional<TimePoint> stamp = time_of(found.seconds, found.fraction);
    if (stamp && take_timeouts(packet, *stamp)) continue;
    if (packet.size() < kCookedHeader || packet[14] != std::byte{0} ||
        packet[15] != kFamilyNetfilter) {
      ++skipped_;
      continue;  // another netlink family, in a capture made elsewhere
    }
    if (!stamp) throw EventFileError(file_name_ + ": a packet's time is out of range");
    time = *stamp;
    datagram = packet.subspan(kCookedHeader);
    if (has_foreign_order(datagram, swapped_)) {
      turned_.assign(datagram.begin(), datagram.end());
      to_host_order(turned_);
      datagram = turned_;
    }
    return true;
  }
}

}  // namespace ctflow
