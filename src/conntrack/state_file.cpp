// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/state_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "conntrack/tuple_hash.hpp"
#include "observe/log.hpp"

namespace ctflow {
namespace {

constexpr std::array<char, 8> kMagic{'c', 't', 'f', 'l', 'o', 'w', 'd', '1'};
constexpr std::size_t kLongestBoot = 256;

/// A connection as it stands in the file.
struct Entry {
  std::uint64_t key = 0;
  Counters forward;
  Counters backward;
  std::int64_t told_until = 0;
};
static_assert(sizeof(Entry) == 48);

/// One by one over 8 octets: detects damage, not attacks; root alone can write the file.
std::uint64_t extend(std::uint64_t hash, const void* data, std::size_t size) {
  const auto* octets = static_cast<const unsigned char*>(data);
  while (size > 0) {
    std::uint64_t word = 0;
    const std::size_t taken = std::min(size, sizeof word);
    std::memcpy(&word, octets, taken);
    hash = mix(hash ^ word) + taken;
    octets += taken;
    size -= taken;
  }
  return hash;
}

/// Takes the parts of a file and remembers whether all were there.
class Input {
 public:
  explicit Input(std::FILE* file) : file_(file) {}

  bool read(void* data, std::size_t size) {
    if (std::fread(data, 1, size, file_) != size) return false;
    hash_ = extend(hash_, data, size);
    return true;
  }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  std::FILE* file_;
  std::uint64_t hash_ = 0;
};

bool read_identity(Input& input, StateIdentity& identity) {
  std::uint32_t length = 0;
  std::uint8_t wire = 0;
  if (!input.read(&length, sizeof length) || length > kLongestBoot) return false;
  identity.boot.resize(length);
  if (!input.read(identity.boot.data(), length)) return false;
  if (!input.read(&identity.table, sizeof identity.table)) return false;
  if (!input.read(&wire, sizeof wire)) return false;
  identity.wire_counters = wire != 0;
  return true;
}

/// All connections up to the hash at the end. Nothing: the file is damaged.
std::optional<std::vector<Entry>> read_entries(Input& input, std::FILE* file, std::size_t octets) {
  std::uint64_t expected = 0;
  if (octets < sizeof expected || (octets - sizeof expected) % sizeof(Entry) != 0) return {};
  std::vector<Entry> entries((octets - sizeof expected) / sizeof(Entry));
  for (Entry& entry : entries) {
    if (!input.read(&entry, sizeof entry)) return {};
  }
  if (std::fread(&expected, 1, sizeof expected, file) != sizeof expected) return {};
  if (expected != input.hash()) return {};
  return entries;
}

}  // namespace

StateIdentity current_identity(bool wire_counters) {
  StateIdentity identity;
  identity.wire_counters = wire_counters;
  std::ifstream boot("/proc/sys/kernel/random/boot_id");
  std::getline(boot, identity.boot);
  struct stat state {};
  if (stat("/proc/thread-self/ns/net", &state) == 0) identity.table = state.st_ino;
  return identity;
}

StateFile::StateFile(std::string name, StateIdentity identity)
    : name_(std::move(name)), identity_(std::move(identity)) {}

std::optional<std::size_t> StateFile::load(
    const std::function<void(const Remembered&)>& take) const {
  const std::unique_ptr<std::FILE, Closer> file(std::fopen(name_.c_str(), "re"));
  if (!file) {
    if (errno != ENOENT) {
      log::warn("state_unreadable file={} error={}", log::quoted(name_),
                log::quoted(std::generic_category().message(errno)));
    }
    return std::nullopt;
  }
  struct stat state {};
  Input input(file.get());
  std::array<char, kMagic.size()> magic{};
  StateIdentity identity;
  const bool begins_well = fstat(fileno(file.get()), &state) == 0 && S_ISREG(state.st_mode) &&
                           input.read(magic.data(), magic.size()) && magic == kMagic &&
                           read_identity(input, identity);
  if (begins_well && !(identity == identity_)) {
    log::info(
        "state_outdated file={} means=\"it tells of another boot, namespace or way to count\"",
        log::quoted(name_));
    return std::nullopt;
  }
  const long position = std::ftell(file.get());
  const auto entries =
      begins_well && position > 0 && state.st_size >= position
          ? read_entries(input, file.get(), static_cast<std::size_t>(state.st_size - position))
          : std::nullopt;
  if (!entries) {
    log::warn("state_damaged file={} means=\"what lives is told as the setting existing says\"",
              log::quoted(name_));
    return std::nullopt;
  }
  for (const Entry& entry : *entries) {
    Remembered one;
    one.key = entry.key;
    one.forward = entry.forward;
    one.backward = entry.backward;
    one.told_until = TimePoint(std::chrono::nanoseconds(entry.told_until));
    take(one);
  }
  return entries->size();
}

bool StateFile::begin() {
  error_ = 0;
  hash_ = 0;
  file_.reset(std::fopen(new_name().c_str(), "we"));
  if (!file_) return fail("opening", errno);
  const auto length = static_cast<std::uint32_t>(identity_.boot.size());
  const std::uint8_t wire = identity_.wire_counters ? 1 : 0;
  write(kMagic.data(), kMagic.size());
  write(&length, sizeof length);
  write(identity_.boot.data(), length);
  write(&identity_.table, sizeof identity_.table);
  write(&wire, sizeof wire);
  return true;
}

void StateFile::write(const void* data, std::size_t size) {
  hash_ = extend(hash_, data, size);
  if (error_ == 0 && std::fwrite(data, 1, size, file_.get()) != size) error_ = errno;
}

void StateFile::add(const Remembered& entry) {
  if (!file_) return;
  const Entry stored{entry.key, entry.forward, entry.backward,
                     entry.told_until.time_since_epoch().count()};
  write(&stored, sizeof stored);
}

bool StateFile::commit() {
  if (!file_) return false;
  const std::uint64_t hash = hash_;
  write(&hash, sizeof hash);
  if (std::fclose(file_.release()) != 0 && error_ == 0) error_ = errno;
  if (error_ != 0) return fail("writing", error_);
  if (std::rename(new_name().c_str(), name_.c_str()) != 0) return fail("renaming", errno);
  return true;
}

bool StateFile::fail(const char* what, int error) {
  log::warn(
      "state_not_saved file={} while={} error={} means=\"a restart will tell again what was "
      "reported since the last save\" mend=\"make the directory, or room in it\"",
      log::quoted(new_name()), what, log::quoted(std::generic_category().message(error)));
  std::remove(new_name().c_str());
  return false;
}

}  // namespace ctflow
