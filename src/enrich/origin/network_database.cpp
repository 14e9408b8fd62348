// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/origin/network_database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <maxminddb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "ctflow/network.hpp"
#include "process/descriptor.hpp"
#include "text/errno_text.hpp"
#include "text/number_text.hpp"

namespace ctflow {
namespace {

/// The name of a member of the database's maps, and those within it; the last is null.
using MemberPath = std::array<const char*, 3>;

// GeoLite2, GeoIP2 ISP and DB-IP; GeoIP2 Enterprise; IPinfo.
constexpr std::array<MemberPath, 3> kAsPaths{{{"autonomous_system_number", nullptr, nullptr},
                                              {"traits", "autonomous_system_number", nullptr},
                                              {"asn", nullptr, nullptr}}};

// GeoLite2 and GeoIP2; IPinfo.
constexpr std::array<MemberPath, 3> kCountryPaths{{{"country", "iso_code", nullptr},
                                                   {"country_code", nullptr, nullptr},
                                                   {"country", nullptr, nullptr}}};

[[noreturn]] void fail(const std::string& file, const std::string& why) {
  throw std::runtime_error(file + ": " + why);
}

/// A file without a name that has the content of this one now.
Descriptor copy_of(const std::string& file) {
  constexpr std::size_t kPart = std::size_t{1} << 20;
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  const Descriptor from(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!from.is_open()) fail(file, text::errno_text());
  struct stat found {};
  if (fstat(from.number(), &found) != 0) fail(file, text::errno_text());
  if (!S_ISREG(found.st_mode)) fail(file, "expected a regular file");
  if (found.st_size > kMost) fail(file, "expected a file of at most 1 GiB");
  Descriptor copy(::memfd_create("ctflowd-database", MFD_CLOEXEC));
  if (!copy.is_open()) fail(file, "no memory for a copy: " + text::errno_text());
  std::vector<std::byte> part(kPart);
  while (true) {
    const ssize_t length = ::read(from.number(), part.data(), part.size());
    if (length < 0) fail(file, text::errno_text());
    if (length == 0) return copy;
    std::span<const std::byte> left(part.data(), static_cast<std::size_t>(length));
    while (!left.empty()) {
      const ssize_t written = ::write(copy.number(), left.data(), left.size());
      if (written <= 0) fail(file, "no memory for a copy: " + text::errno_text());
      left = left.subspan(static_cast<std::size_t>(written));
    }
  }
}

std::string_view text_of(const MMDB_entry_data_s& data) {
  return data.type == MMDB_DATA_TYPE_UTF8_STRING
             ? std::string_view(data.utf8_string, data.data_size)
             : std::string_view();
}

/// A number, or a text such as AS64500; 0: neither, or none that an AS can have.
std::uint32_t as_number_in(const MMDB_entry_data_s& data) {
  switch (data.type) {
    case MMDB_DATA_TYPE_UINT16:
      return data.uint16;
    case MMDB_DATA_TYPE_UINT32:
      return data.uint32;
    case MMDB_DATA_TYPE_UINT64:
      return data.uint64 > UINT32_MAX ? 0 : static_cast<std::uint32_t>(data.uint64);
    case MMDB_DATA_TYPE_INT32:
      return data.int32 < 0 ? 0 : static_cast<std::uint32_t>(data.int32);
    default:
      break;
  }
  std::string_view text = text_of(data);
  if (text.substr(0, 2) == "AS") text.remove_prefix(2);
  return text::parse_number<std::uint32_t>(text).value_or(0);
}

/// Two capital letters; zeros: it is something else, such as a name.
std::array<char, 2> country_in(const MMDB_entry_data_s& data) {
  const std::string_view text = text_of(data);
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (text.size() != 2 || !is_capital(text[0]) || !is_capital(text[1])) return {};
  return {text[0], text[1]};
}

bool set_from(const MMDB_entry_data_s& data, DatabaseContent content, NetworkOrigin& origin) {
  if (content == DatabaseContent::kAsNumber) {
    const std::uint32_t number = as_number_in(data);
    if (number != 0) origin.as_number = number;
    return number != 0;
  }
  const std::array<char, 2> country = country_in(data);
  if (country[0] != 0) origin.country = country;
  return country[0] != 0;
}

/// Whether an entry has the content; adds it to `origin`.
bool read_entry(MMDB_entry_s entry, DatabaseContent content, NetworkOrigin& origin) {
  for (MemberPath path : content == DatabaseContent::kAsNumber ? kAsPaths : kCountryPaths) {
    MMDB_entry_data_s data{};
    const int status = MMDB_aget_value(&entry, &data, path.data());
    if (status == MMDB_SUCCESS && data.has_data && set_from(data, content, origin)) return true;
  }
  return false;
}

const char* expected(DatabaseContent content) {
  return content == DatabaseContent::kAsNumber ? "an AS number, as GeoLite2-ASN has it"
                                               : "a country, as GeoLite2-Country has it";
}

/// Where an IPv6 address carries an IPv4 one in its last four octets.
bool carries_ipv4(const IpAddress& address) {
  constexpr std::array<std::uint8_t, 12> kTranslated{0, 0x64, 0xff, 0x9b};  // 64:ff9b::/96
  return is_ipv4_mapped(address) ||
         std::equal(kTranslated.begin(), kTranslated.end(), address.octets.begin());
}

}  // namespace

struct NetworkDatabase::Opened {
  explicit Opened(const std::string& file) {
    const Descriptor copy = copy_of(file);
    const std::string name = fmt::format("/proc/self/fd/{}", copy.number());
    const int status = MMDB_open(name.c_str(), MMDB_MODE_MMAP, &database);
    if (status != MMDB_SUCCESS) {
      fail(file, fmt::format("expected a database in MaxMind's format: {}", MMDB_strerror(status)));
    }
  }
  ~Opened() { MMDB_close(&database); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  Opened(Opened&&) = delete;
  Opened& operator=(Opened&&) = delete;

  /// Whether one of the first entries has it: a database of another kind has none at all.
  [[nodiscard]] bool has(DatabaseContent content) const {
    constexpr int kMostEntries = 4096;
    int entries = 0;
    const auto has_it = [&](std::uint8_t type, const MMDB_entry_s& entry) {
      NetworkOrigin ignored;
      if (type != MMDB_RECORD_TYPE_DATA) return false;
      ++entries;
      return read_entry(entry, content, ignored);
    };
    for (std::uint32_t i = 0; i < database.metadata.node_count && entries < kMostEntries; ++i) {
      MMDB_search_node_s node{};
      if (MMDB_read_node(&database, i, &node) != MMDB_SUCCESS) return false;
      if (has_it(node.left_record_type, node.left_record_entry) ||
          has_it(node.right_record_type, node.right_record_entry)) {
        return true;
      }
    }
    return false;
  }

  MMDB_s database{};
};

NetworkDatabase::NetworkDatabase(const std::string& file, DatabaseContent content)
    : opened_(std::make_unique<Opened>(file)),
      content_(content),
      type_(opened_->database.metadata.database_type),
      built_(std::chrono::seconds(opened_->database.metadata.build_epoch)) {
  if (opened_->has(content)) return;
  fail(file, fmt::format("expected networks with {}; the database is of type {}", expected(content),
                         type_));
}

NetworkDatabase::~NetworkDatabase() = default;

void NetworkDatabase::find(AddressFamily family, const IpAddress& address,
                           NetworkOrigin& origin) const {
  constexpr std::size_t kIpv4At = 12;
  const MMDB_s& database = opened_->database;
  sockaddr_in6 ipv6{};
  sockaddr_in ipv4{};
  const sockaddr* where = nullptr;
  const bool within = family == AddressFamily::kIpv6 && carries_ipv4(address);
  if (family == AddressFamily::kIpv4 || within) {
    ipv4.sin_family = AF_INET;
    std::memcpy(&ipv4.sin_addr, address.octets.data() + (within ? kIpv4At : 0), 4);
    where = reinterpret_cast<const sockaddr*>(&ipv4);
  } else {
    if (database.metadata.ip_version == 4) return;
    ipv6.sin6_family = AF_INET6;
    std::memcpy(&ipv6.sin6_addr, address.octets.data(), address.octets.size());
    where = reinterpret_cast<const sockaddr*>(&ipv6);
  }
  int error = MMDB_SUCCESS;
  const MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&database, where, &error);
  if (error == MMDB_SUCCESS && found.found_entry) read_entry(found.entry, content_, origin);
}

}  // namespace ctflow
