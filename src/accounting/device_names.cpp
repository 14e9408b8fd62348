// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/device_names.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <exception>
#include <span>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "enrich/neighbours/neighbours.hpp"
#include "log/log.hpp"
#include "process/file_watch.hpp"
#include "process/regular_file.hpp"
#include "text/address_text.hpp"
#include "text/escape.hpp"
#include "text/mac_text.hpp"
#include "wire/mac_octets.hpp"

namespace ctflow::accounting {
namespace {

constexpr std::size_t kLength4 = 4;
constexpr std::size_t kLength6 = 16;
constexpr std::size_t kMostNames = 65'536;
constexpr std::size_t kMostLine = 4096;
constexpr std::size_t kLargestFile = std::size_t{16} << 20;
constexpr std::size_t kMostName = 255;  // octets, as of a name of DNS

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// The octets of an address, also with a prefix length behind it; empty: it is none.
std::string address_in(const std::string& text) {
  const std::string address = text.substr(0, text.find('/'));
  std::array<char, kLength6> octets{};
  const bool v6 = address.find(':') != std::string::npos;
  if (inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), octets.data()) != 1) return "";
  return {octets.data(), v6 ? kLength6 : kLength4};
}

void add(DeviceNames& to, const std::string& octets, const std::string& name) {
  const bool none = name.empty() || name == "*" || name == "-" || name.size() > kMostName;
  if (octets.empty() || none || to.size() >= kMostNames) return;
  to.emplace(octets, text::printable(name));
}

std::string mac_in(const std::string& text) {
  const auto mac = text::parse_mac(text);
  return mac && *mac != 0 ? mac_octets(*mac) : "";
}

/// Of a DUID by link-layer address, with or without a time (RFC 8415 section 11), or of a MAC
/// address, in hexadecimal digits without anything between them.
std::string mac_of_identifier(std::string text) {
  constexpr std::size_t kDigits = 2 * wire::kMacOctets;
  constexpr std::size_t kTime = 8;
  constexpr std::string_view kWithTime = "00010001";
  constexpr std::string_view kWithoutTime = "00030001";
  text.erase(std::remove(text.begin(), text.end(), ':'), text.end());
  const std::string_view kind = std::string_view(text).substr(0, kWithTime.size());
  const bool duid = (kind == kWithTime && text.size() == kind.size() + kTime + kDigits) ||
                    (kind == kWithoutTime && text.size() == kind.size() + kDigits);
  if (!duid && text.size() != kDigits) return "";
  std::string mac;
  for (std::size_t at = text.size() - kDigits; at < text.size(); at += 2) {
    if (!mac.empty()) mac.push_back(':');
    mac.push_back(text[at]);
    mac.push_back(text[at + 1]);
  }
  return mac_in(mac);
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

/// `# INTERFACE DUID IAID NAME VALID ID LENGTH ADDRESS…`; of DHCPv4 the DUID is a MAC address, and
/// the IAID is `ipv4`.
void add_odhcpd(const std::vector<std::string>& words, DeviceNames& to) {
  constexpr std::size_t kDuid = 2;
  constexpr std::size_t kName = 4;
  constexpr std::size_t kFirstAddress = 8;
  if (words.size() < kFirstAddress) return;
  add(to, mac_of_identifier(words[kDuid]), words[kName]);
  for (std::size_t i = kFirstAddress; i < words.size(); ++i) {
    add(to, address_in(words[i]), words[kName]);
  }
}

/// `EXPIRY MAC ADDRESS NAME CLIENT`; of DHCPv6 there is an IAID in place of the MAC address, and
/// the client is a DUID.
void add_dnsmasq(const std::vector<std::string>& words, DeviceNames& to) {
  constexpr std::size_t kAddress = 2;
  constexpr std::size_t kName = 3;
  constexpr std::size_t kClient = 4;
  if (words.size() <= kName) return;
  const std::string mac = mac_in(words[1]);
  add(to, mac, words[kName]);
  if (mac.empty() && words.size() > kClient) {
    add(to, mac_of_identifier(words[kClient]), words[kName]);
  }
  add(to, address_in(words[kAddress]), words[kName]);
}

/// None of a file that is not there: which of them a host has depends on its DHCP server.
DeviceNames names_in(const std::string& file) {
  DeviceNames names;
  try {
    const std::string text = read_regular_file(file, kLargestFile).text;
    if (text.size() > kLargestFile) throw std::runtime_error("expected at most 16 MiB");
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      if (line.size() <= kMostLine) add_names_of_line(line, names);
    }
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
  }
  return names;
}

/// While the file cannot be read the names are those of before.
class NameFile {
 public:
  explicit NameFile(const std::string& file) : watch_(file) {}

  [[nodiscard]] const DeviceNames& names() const { return names_; }

  /// Whether it was read again.
  bool look() {
    if (!watch_.changed()) return false;
    try {
      names_ = names_in(watch_.file());
      return true;
    } catch (const std::exception& error) {
      log::warn(
          "accounting_names_unreadable file={} error={} impact=\"devices keep the names that it "
          "gave before\" fix=\"let ctflowd read it: it is read when it changes\"",
          log::quoted(watch_.file()), log::quoted(error.what()));
      return false;
    }
  }

 private:
  FileWatch watch_;
  DeviceNames names_;
};

class NameFiles {
 public:
  explicit NameFiles(const AccountingConfig& config)
      : files_(config.device_files.begin(), config.device_files.end()) {
    for (const NamedDevice& one : config.devices) {
      for (const std::uint64_t mac : one.addresses) configured_[mac_octets(mac)] = one.name;
    }
  }

  std::shared_ptr<const DeviceNames> read() {
    bool changed = known_ == nullptr;
    for (NameFile& file : files_) changed = file.look() || changed;
    if (!changed) return nullptr;
    auto names = std::make_shared<DeviceNames>(configured_);
    for (const NameFile& file : files_) {
      for (const auto& [octets, name] : file.names()) {
        if (names->size() < kMostNames) names->emplace(octets, name);
      }
    }
    if (known_ && *known_ == *names) return nullptr;
    known_ = std::move(names);
    return known_;
  }

 private:
  std::vector<NameFile> files_;
  DeviceNames configured_;
  std::shared_ptr<const DeviceNames> known_;
};

}  // namespace

std::string mac_octets(std::uint64_t mac) {
  const auto octets = wire::mac_octets(mac);
  return {octets.begin(), octets.end()};
}

std::string device_octets(const Key& key) {
  if (key.device != 0) return mac_octets(key.device);
  const bool v4 = key.family == static_cast<std::uint16_t>(AddressFamily::kIpv4);
  const std::span<const std::uint8_t> all(key.host.octets);
  const auto octets = v4 ? all.first(kLength4) : all;
  return {octets.begin(), octets.end()};
}

std::string device_text(std::string_view octets) {
  const std::vector<std::uint8_t> all(octets.begin(), octets.end());
  if (all.size() != wire::kMacOctets) return text_of_address(all);
  return text::mac_text(wire::mac_number(all));
}

void add_names_of_line(const std::string& line, DeviceNames& to) {
  const std::vector<std::string> words = words_of(line);
  if (words.size() < 2) return;
  if (words.front() == "#") {
    add_odhcpd(words, to);
  } else if (is_number(words.front())) {
    add_dnsmasq(words, to);
  } else if (address_in(words[1]).empty()) {
    add(to, mac_in(words.front()), words[1]);
  }
}

ReadDeviceNames device_names_of(const AccountingConfig& config) {
  return [files = std::make_shared<NameFiles>(config)] { return files->read(); };
}

DeviceNames with_neighbours(const DeviceNames& names, const Neighbours& neighbours, TimePoint now) {
  DeviceNames all = names;
  for (const auto& [octets, name] : names) {
    if (octets.size() == wire::kMacOctets) continue;
    IpAddress address;
    std::transform(octets.begin(), octets.end(), address.octets.begin(),
                   [](char c) { return static_cast<std::uint8_t>(c); });
    const auto family = octets.size() == kLength4 ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
    const std::uint64_t mac = neighbours.find(family, address, 0, now);
    if (mac != 0) all.emplace(mac_octets(mac), name);
  }
  return all;
}

}  // namespace ctflow::accounting
