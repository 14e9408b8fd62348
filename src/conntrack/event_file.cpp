// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/event_file.hpp"

#include <pcap/pcap.h>

#include <array>

namespace ctflow {
namespace {

constexpr std::size_t kCookedHeader = 16;
constexpr int kSnapshotLength = 65535;
constexpr std::int64_t kLatestSecond = std::int64_t{1} << 33;                // the year 2242
constexpr std::byte kArphrdNetlink[2] = {std::byte{0x03}, std::byte{0x38}};  // 824
constexpr std::byte kFamilyNetfilter{NETLINK_NETFILTER};

}  // namespace

void EventFileWriter::Closer::operator()(pcap* handle) const { pcap_close(handle); }
void EventFileWriter::Closer::operator()(pcap_dumper* dumper) const { pcap_dump_close(dumper); }
void EventFileReader::Closer::operator()(pcap* handle) const { pcap_close(handle); }

EventFileWriter::EventFileWriter(const std::string& file_name)
    : file_name_(file_name),
      handle_(pcap_open_dead_with_tstamp_precision(DLT_NETLINK, kSnapshotLength,
                                                   PCAP_TSTAMP_PRECISION_NANO)) {
  if (!handle_) throw EventFileError(file_name + ": out of memory");
  dumper_.reset(pcap_dump_open(handle_.get(), file_name.c_str()));
  if (!dumper_) throw EventFileError(std::string("cannot write: ") + pcap_geterr(handle_.get()));
}

void EventFileWriter::on_datagram(Bytes datagram, const Instant& time) {
  packet_.assign(kCookedHeader, std::byte{0});
  packet_[2] = kArphrdNetlink[0];
  packet_[3] = kArphrdNetlink[1];
  packet_[15] = kFamilyNetfilter;
  packet_.insert(packet_.end(), datagram.begin(), datagram.end());

  const auto since_epoch = time.wall.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<time_t>(seconds.count());
  header.ts.tv_usec =
      static_cast<suseconds_t>((since_epoch - seconds).count());  // nanoseconds here
  header.caplen = header.len = static_cast<bpf_u_int32>(packet_.size());
  pcap_dump(reinterpret_cast<u_char*>(dumper_.get()), &header,
            reinterpret_cast<const u_char*>(packet_.data()));
  ++datagrams_;
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
}

bool EventFileReader::next(Bytes& datagram, TimePoint& time) {
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  while (true) {
    const int result = pcap_next_ex(handle_.get(), &header, &data);
    if (result == PCAP_ERROR_BREAK) return false;
    if (result != 1) throw EventFileError(file_name_ + ": " + pcap_geterr(handle_.get()));
    const Bytes packet(reinterpret_cast<const std::byte*>(data), header->caplen);
    if (packet.size() < kCookedHeader || packet[14] != std::byte{0} ||
        packet[15] != kFamilyNetfilter) {
      continue;  // another netlink family, in a capture made elsewhere
    }
    if (header->ts.tv_sec < 0 || header->ts.tv_sec > kLatestSecond || header->ts.tv_usec < 0 ||
        header->ts.tv_usec > 999'999'999) {
      throw EventFileError(file_name_ + ": a packet's time is out of range");
    }
    datagram = packet.subspan(kCookedHeader);
    time = TimePoint(std::chrono::seconds(header->ts.tv_sec) +
                     std::chrono::nanoseconds(header->ts.tv_usec));
    return true;
  }
}

}  // namespace ctflow
