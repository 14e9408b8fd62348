// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/users/user_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "process/regular_file.hpp"
#include "text/escape.hpp"
#include "text/mac_text.hpp"
#include "text/network_text.hpp"
#include "text/number_text.hpp"
#include "text/utf8.hpp"

namespace ctflow {
namespace {

constexpr std::size_t kLargestFile = std::size_t{4} << 20;
constexpr std::string_view kSpace = " \t\r";
constexpr std::size_t kShown = 48;  // characters of the file in a message
constexpr unsigned kIpv4Bits = 32;
constexpr unsigned kIpv6Bits = 128;
constexpr const char* kKeys =
    "a network such as 192.0.2.0/24, a MAC address such as 02:00:5e:00:53:01, or mark=N";

FileText text_of(const std::string& file) {
  try {
    FileText found = read_regular_file(file, kLargestFile);
    if (found.text.size() > kLargestFile) throw std::runtime_error("expected at most 4 MiB");
    return found;
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(file + ": " + error.what());
  }
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > UserNames::kLongestName) return false;
  while (!text.empty()) {
    const text::CodePoint one = text::first_code_point(text);
    if (one.length == 0 || text::is_control(one.value)) return false;
    text.remove_prefix(one.length);
  }
  return true;
}

/// Longer prefixes are more; IPv4 counts as IPv4-mapped IPv6. 0: in no network.
unsigned rank(const PrefixMap::Found& found, AddressFamily family) {
  if (found.value == 0) return 0;
  return 1U + found.length + (family == AddressFamily::kIpv4 ? kIpv6Bits - kIpv4Bits : 0U);
}

}  // namespace

/// Fills the names from the lines of a file.
class UserNamesReader {
 public:
  UserNamesReader(const std::string& file, UserNames& to) : file_(file), to_(to) {}

  void read(std::string_view text) {
    text = text::without_byte_order_mark(text);
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      const std::string_view line = text.substr(0, end);
      take(trimmed(line.substr(0, line.find('#'))));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    add_networks();
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error(fmt::format("{}:{}: {}", file_, line_, why));
  }

  void take(std::string_view line) {
    if (line.empty()) return;
    const std::size_t end = std::min(line.find_first_of(kSpace), line.size());
    const std::string_view key = line.substr(0, end);
    const std::string_view name = trimmed(line.substr(end));
    constexpr std::string_view kMark = "mark=";
    if (key.substr(0, kMark.size()) == kMark) {
      take_mark(key.substr(kMark.size()), name);
    } else if (const auto mac = text::parse_mac(key)) {
      take_mac(key, *mac, name);
    } else {
      take_network(key, name);
    }
  }

  void take_mark(std::string_view text, std::string_view name) {
    const auto mark = text::parse_number<std::uint32_t>(text);
    if (!mark || *mark == 0) {
      fail(fmt::format("expected mark=N with N from 1 to 4294967295, got {}",
                       text::quoted(text, kShown)));
    }
    refuse_second(fmt::format("mark={}", *mark));
    to_.marks_.emplace(*mark, number_of(name));
  }

  void take_mac(std::string_view text, std::uint64_t mac, std::string_view name) {
    constexpr std::uint64_t kGroup = std::uint64_t{1} << 40;
    if (mac == 0 || (mac & kGroup) != 0) {
      fail(fmt::format("expected the MAC address of one device, got {}",
                       text::quoted(text, kShown)));
    }
    refuse_second(text::mac_text(mac));
    to_.macs_.emplace(mac, number_of(name));
  }

  void take_network(std::string_view text, std::string_view name) {
    const auto [network, fault] = text::parse_network(text);
    if (!network) {
      fail(fmt::format("expected {}, got {}{}{}", kKeys, text::quoted(text, kShown),
                       fault.empty() ? "" : ": ", fault));
    }
    const auto& octets = network->address.octets;
    refuse_second(fmt::format("{}/{}/{}", static_cast<int>(network->family), network->length,
                              std::string(octets.begin(), octets.end())));
    networks_.emplace_back(*network, number_of(name));
  }

  /// `key`: one text for all ways of writing it.
  void refuse_second(const std::string& key) {
    const auto [place, is_new] = seen_.emplace(key, line_);
    if (!is_new) fail(fmt::format("the same is in line {}: expected it once", place->second));
  }

  std::uint16_t number_of(std::string_view name) {
    if (!is_name(name)) {
      fail(
          fmt::format("expected a name of 1 to {} octets behind it, UTF-8 without control "
                      "characters, got {}",
                      UserNames::kLongestName, text::quoted(name, kShown)));
    }
    const auto [place, is_new] = numbers_.emplace(name, to_.names_.size());
    if (is_new) {
      if (to_.names_.size() > std::numeric_limits<std::uint16_t>::max()) {
        fail("expected at most 65535 different names");
      }
      to_.names_.emplace_back(name);
    }
    return static_cast<std::uint16_t>(place->second);
  }

  /// In their order each is added behind the one before.
  void add_networks() {
    std::sort(networks_.begin(), networks_.end(), [](const auto& left, const auto& right) {
      return left.first.address.octets < right.first.address.octets;
    });
    for (const auto& [network, number] : networks_) to_.networks_.add(network, number);
  }

  const std::string& file_;
  UserNames& to_;
  std::size_t line_ = 0;
  std::unordered_map<std::string, std::size_t> seen_;     ///< line of each key
  std::unordered_map<std::string, std::size_t> numbers_;  ///< of each name
  std::vector<std::pair<Network, std::uint16_t>> networks_;
};

UserNames::UserNames(const std::string& file) {
  const FileText content = text_of(file);
  built_ = content.written;
  UserNamesReader(file, *this).read(content.text);
}

std::string_view UserNames::find(const Flow& flow) const {
  if (const auto place = marks_.find(flow.mark); place != marks_.end()) {
    return names_[place->second];
  }
  for (const std::uint64_t mac : {flow.initiator_mac, flow.responder_mac}) {
    if (const auto place = macs_.find(mac); place != macs_.end()) return names_[place->second];
  }
  const auto initiator = networks_.longest(flow.original.family, flow.original.source);
  const auto responder = networks_.longest(flow.reply.family, flow.reply.source);
  const bool by_responder =
      rank(responder, flow.reply.family) > rank(initiator, flow.original.family);
  return names_[by_responder ? responder.value : initiator.value];
}

}  // namespace ctflow
