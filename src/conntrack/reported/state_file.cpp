// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/state_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "conntrack/flow/tuple_hash.hpp"
#include "log/log.hpp"
#include "process/boot_id.hpp"
#include "text/errno_text.hpp"

namespace ctflow {
namespace {

constexpr std::array<char, 8> kMagic{'c', 't', 'f', 'l', 'o', 'w', 'd', '4'};
/// Behind it stands which format it is, a digit.
constexpr std::string_view kMagicName{kMagic.data(), kMagic.size() - 1};
constexpr std::size_t kLongestBoot = 256;
constexpr std::size_t kMostEntries = 100'000'000;  // the most that can be configured

/// In Entry::original_counters.packets: the counters are those of the wire.
constexpr std::uint64_t kWire = std::uint64_t{1} << 63;

/// A connection as it stands in the file.
struct Entry {
  std::uint64_t key = 0;
  Counters original_counters;
  Counters reply_counters;
  std::int64_t reported_until = 0;
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

struct Header {
  bool is_of_this_format = false;
  StateIdentity identity;
};

bool read_header(Input& input, Header& header) {
  std::array<char, kMagic.size()> magic{};
  std::uint32_t length = 0;
  std::uint8_t wire = 0;
  if (!input.read(magic.data(), magic.size())) return false;
  header.is_of_this_format = magic == kMagic;
  if (!header.is_of_this_format) {
    return std::string_view(magic.data(), kMagicName.size()) == kMagicName && magic.back() >= '0' &&
           magic.back() <= '9';
  }
  if (!input.read(&length, sizeof length) || length > kLongestBoot) return false;
  header.identity.boot.resize(length);
  if (!input.read(header.identity.boot.data(), length)) return false;
  if (!input.read(&header.identity.table, sizeof header.identity.table)) return false;
  if (!input.read(&wire, sizeof wire)) return false;
  header.identity.wire_counters = wire != 0;
  return true;
}

/// What stands behind the header, by its size.
struct Contents {
  std::size_t connections = 0;
  std::size_t ends = 0;
};

/// `octets`: from behind the header to the end. Nothing: they cannot be that.
std::optional<Contents> measure(std::FILE* file, off_t size, std::size_t octets) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::uint64_t ends = 0;
  std::size_t rest = octets;
  const auto take = [&](std::size_t taken) {
    if (rest < taken) return false;
    rest -= taken;
    return true;
  };
  if (!take(kWord)) return std::nullopt;  // the hash
  if (!take(kWord) || pread(fileno(file), &ends, kWord, size - off_t{2 * kWord}) != kWord) {
    return std::nullopt;
  }
  if (ends > kMostEntries || !take(static_cast<std::size_t>(ends) * kWord)) return std::nullopt;
  if (rest % sizeof(Entry) != 0 || rest / sizeof(Entry) > kMostEntries) return std::nullopt;
  return Contents{rest / sizeof(Entry), static_cast<std::size_t>(ends)};
}

/// Whether `octets` and the hash that follows them agree.
bool is_whole(Input& input, std::FILE* file, std::size_t octets) {
  std::array<std::uint64_t, 4096> piece{};
  while (octets > 0) {
    const std::size_t taken = std::min(octets, sizeof piece);
    if (!input.read(piece.data(), taken)) return false;
    octets -= taken;
  }
  std::uint64_t expected = 0;
  return std::fread(&expected, 1, sizeof expected, file) == sizeof expected &&
         expected == input.hash();
}

}  // namespace

StateIdentity current_identity(bool wire_counters) {
  StateIdentity identity;
  identity.wire_counters = wire_counters;
  identity.boot = boot_id();
  struct stat state {};
  if (stat("/proc/thread-self/ns/net", &state) == 0) identity.table = state.st_ino;
  return identity;
}

StateFile::StateFile(std::string name, StateIdentity identity)
    : name_(std::move(name)), identity_(std::move(identity)) {}

bool StateFile::claim() {
  const std::string name = name_ + ".lock";
  claim_.reset(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (claim_.is_open() && flock(claim_.number(), LOCK_EX | LOCK_NB) == 0) return true;
  if (!claim_.is_open() || errno != EWOULDBLOCK) {
    log::warn(
        "state_unlocked file={} error={} impact=\"a second ctflowd that keeps its state there "
        "would not be noticed\" fix=\"let ctflowd write this file, or remove it\"",
        log::quoted(name), log::quoted(text::errno_text()));
    return true;
  }
  log::warn(
      "state_in_use file={} impact=\"another ctflowd keeps its state there: this one keeps none, "
      "and "
      "a restart exports again what was reported\" fix=\"give each its own source.state_file\"",
      log::quoted(name_));
  return false;
}

std::optional<std::size_t> StateFile::load(
    const std::function<void(const ReportedConnection&)>& take,
    const std::function<void(std::uint64_t)>& take_ended) const {
  const auto unreadable = [&](const std::string& why) {
    log::warn(
        "state_unreadable file={} error={} impact=\"existing connections are exported as "
        "source.existing says\" fix=\"let the user that ctflowd runs as own this file and read it, "
        "or remove it\"",
        log::quoted(name_), log::quoted(why));
    return std::nullopt;
  };
  const int descriptor =
      open(name_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0 && errno == ENOENT) return std::nullopt;
  if (descriptor < 0) return unreadable(text::errno_text());
  const std::unique_ptr<std::FILE, Closer> file(fdopen(descriptor, "r"));
  struct stat state {};
  if (fstat(descriptor, &state) != 0 || !S_ISREG(state.st_mode)) {
    return unreadable("not a regular file");
  }
  if (state.st_uid != geteuid() && state.st_uid != 0) {
    return unreadable("owned by user " + std::to_string(state.st_uid));
  }
  Input input(file.get());
  Header header;
  const bool begins_well = read_header(input, header);
  if (begins_well && !(header.is_of_this_format && header.identity == identity_)) {
    log::info(
        "state_outdated file={} impact=\"it is of another boot, namespace, way to count or version "
        "of ctflowd\"",
        log::quoted(name_));
    return std::nullopt;
  }
  const off_t position = ftello(file.get());
  const off_t octets = state.st_size - position;
  std::optional<Contents> contents;
  if (begins_well && position > 0 && octets > 0) {
    contents = measure(file.get(), state.st_size, static_cast<std::size_t>(octets));
  }
  const bool whole =
      contents && is_whole(input, file.get(), static_cast<std::size_t>(octets) - sizeof(hash_));
  if (!whole || fseeko(file.get(), position, SEEK_SET) != 0) {
    log::warn(
        "state_damaged file={} impact=\"existing connections are exported as source.existing "
        "says\" fix=\"none is needed: it is written again at the stop\"",
        log::quoted(name_));
    return std::nullopt;
  }
  for (std::size_t i = 0; i < contents->connections; ++i) {
    Entry entry;
    if (!input.read(&entry, sizeof entry)) return i;
    ReportedConnection one;
    one.key = entry.key;
    one.wire = (entry.original_counters.packets & kWire) != 0;
    one.original_counters = {entry.original_counters.packets & ~kWire,
                             entry.original_counters.octets};
    one.reply_counters = entry.reply_counters;
    one.reported_until = TimePoint(std::chrono::nanoseconds(entry.reported_until));
    take(one);
  }
  for (std::size_t i = 0; take_ended && i < contents->ends; ++i) {
    std::uint64_t key = 0;
    if (input.read(&key, sizeof key) && key >= ReportedMap::kFirstKey) take_ended(key);
  }
  return contents->connections;
}

bool StateFile::begin() {
  error_ = 0;
  hash_ = 0;
  ended_ = 0;
  finished_ = false;
  // What lies there is of a ctflowd that was killed, or a trap.
  unlink(new_name().c_str());
  const int descriptor =
      open(new_name().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  file_.reset(descriptor < 0 ? nullptr : fdopen(descriptor, "w"));
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

void StateFile::add(const ReportedConnection& entry) {
  if (!file_) return;
  const Counters original_counters{entry.original_counters.packets | (entry.wire ? kWire : 0),
                                   entry.original_counters.octets};
  const Entry stored{entry.key, original_counters, entry.reply_counters,
                     entry.reported_until.time_since_epoch().count()};
  write(&stored, sizeof stored);
}

void StateFile::add_ended(std::uint64_t key) {
  if (!file_) return;
  write(&key, sizeof key);
  ++ended_;
}

bool StateFile::finish() {
  if (!file_) return false;
  const std::uint64_t ended = ended_;
  write(&ended, sizeof ended);
  const std::uint64_t hash = hash_;
  write(&hash, sizeof hash);
  if (std::fclose(file_.release()) != 0 && error_ == 0) error_ = errno;
  if (error_ != 0) return fail("writing", error_);
  finished_ = true;
  return true;
}

bool StateFile::commit() {
  if (!finished_ && !finish()) return false;
  finished_ = false;
  if (std::rename(new_name().c_str(), name_.c_str()) != 0) return fail("renaming", errno);
  return true;
}

bool StateFile::fail(const char* what, int error) {
  log::warn(
      "state_not_saved file={} while={} error={} impact=\"after a restart, what was reported "
      "since the last save is exported again\" fix=\"make the directory, or room in it\"",
      log::quoted(new_name()), what, log::quoted(text::errno_text(error)));
  std::remove(new_name().c_str());
  return false;
}

}  // namespace ctflow
