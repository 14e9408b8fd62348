// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/boot_check.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "doctor/host_files.hpp"
#include "netlink/conntrack_settings.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "net.netfilter.";
constexpr const char* kModule = "nf_conntrack";
// In the order in which systemd prefers files of the same name; the last one is OpenWrt's.
constexpr std::array kSettingDirectories{"etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d",
                                         "usr/lib/sysctl.d", "lib/sysctl.d"};
constexpr const char* kSettingFile = "etc/sysctl.conf";
// What reads that file where systemd does not start the host: procps' script, those of OpenRC and
// OpenWrt, and runit's of Void.
constexpr std::array kReadersOfSettingFile{"etc/init.d/procps", "etc/init.d/sysctl",
                                           "etc/runit/core-services/08-sysctl.sh"};
constexpr std::array kModuleDirectories{"etc/modules-load.d",           "run/modules-load.d",
                                        "usr/local/lib/modules-load.d", "usr/lib/modules-load.d",
                                        "lib/modules-load.d",           "etc/modules.d"};
constexpr std::array kParameterDirectories{"etc/modprobe.d", "run/modprobe.d", "usr/lib/modprobe.d",
                                           "lib/modprobe.d"};
constexpr std::array kSignsOfAContainer{".dockerenv", "run/.containerenv", "run/systemd/container"};

/// The words of each line, without comments and with "=" as a word of its own.
std::vector<std::vector<std::string>> read_words(const fs::path& path) {
  std::vector<std::vector<std::string>> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::string spaced;
    for (const char c : line) spaced += c == '=' ? std::string(" = ") : std::string(1, c);
    std::istringstream stream(spaced);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (words.empty() || words.front().front() == '#' || words.front().front() == ';') continue;
    lines.push_back(std::move(words));
  }
  return lines;
}

/// "-net/netfilter/x" is "net.netfilter.x" whose absence is no error.
std::string plain_key(std::string key) {
  if (key.front() == '-') key.erase(0, 1);
  std::replace(key.begin(), key.end(), '/', '.');
  return key;
}

void add_settings(const fs::path& path, std::map<std::string, std::string>& settings) {
  constexpr std::size_t kWords = 3;  // key = value
  for (const auto& words : read_words(path)) {
    if (words.size() == kWords && words[1] == "=") settings[plain_key(words[0])] = words[2];
  }
}

/// Whether /etc/sysctl.conf itself is read. systemd-sysctl reads directories only: there the file
/// counts by a link in one of them, which Debian has had up to version 12.
bool reads_setting_file(const fs::path& root) {
  if (started_by_systemd(root)) return false;
  return std::any_of(kReadersOfSettingFile.begin(), kReadersOfSettingFile.end(),
                     [&root](const char* name) {
                       std::error_code ignored;
                       return fs::exists(root / name, ignored);
                     });
}

/// What the files say, of any key.
std::map<std::string, std::string> settings_at_boot(const fs::path& root) {
  std::map<std::string, std::string> settings;
  for (const auto& [name, path] : files_of(root, kSettingDirectories)) {
    if (path.extension() == ".conf") add_settings(path, settings);
  }
  if (reads_setting_file(root)) add_settings(root / kSettingFile, settings);
  return settings;
}

/// For a finding: that some of these settings are in a file that is not read.
std::string unread_place(const fs::path& root, const std::vector<std::string>& names) {
  std::map<std::string, std::string> unread;
  if (!reads_setting_file(root)) add_settings(root / kSettingFile, unread);
  const bool there = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return unread.count(std::string(kPrefix) + name) != 0;
  });
  return there ? " (nothing reads /etc/sysctl.conf there)" : "";
}

/// Whether a parameter lets nf_conntrack count.
bool counts_by_parameter(const fs::path& root) {
  for (const auto& words : read_words(root / "proc/cmdline")) {
    const auto found = std::find(words.begin(), words.end(), std::string(kModule) + ".acct");
    if (words.end() - found > 2 && *(found + 2) != "0") return true;
  }
  for (const auto& [name, path] : files_of(root, kParameterDirectories)) {
    for (const auto& words : read_words(path)) {
      if (words.size() < 2 || words[0] != "options" || words[1] != kModule) continue;
      const auto found = std::find(words.begin(), words.end(), "acct");
      if (words.end() - found > 2 && *(found + 2) != "0") return true;
    }
  }
  return false;
}

/// Whether it is loaded before the settings are applied, or is a part of the kernel.
bool loaded_early(const fs::path& root) {
  const auto names_it = [](const auto& words) { return words.front() == kModule; };
  const auto has = [&names_it](const fs::path& path) {
    const auto lines = read_words(path);
    return std::any_of(lines.begin(), lines.end(), names_it);
  };
  if (!has(root / "proc/modules")) return true;
  const auto files = files_of(root, kModuleDirectories);
  return has(root / "etc/modules") ||
         std::any_of(files.begin(), files.end(),
                     [&has](const auto& one) { return has(one.second); });
}

/// Since Linux 5.19 nf_conntrack_events is 2 if nothing sets it, before that 1.
bool events_on_demand_by_default(std::string release) {
  constexpr int kMajor = 5;
  constexpr int kMinor = 19;
  if (release.empty()) {
    utsname name{};
    uname(&name);
    release = static_cast<const char*>(name.release);
  }
  std::istringstream stream(release);
  int major = 0;
  int minor = 0;
  char dot = 0;
  stream >> major >> dot >> minor;
  return major > kMajor || (major == kMajor && minor >= kMinor);
}

/// In use now, and different from what the kernel does by itself.
std::vector<std::string> settings_now(const fs::path& root, bool events_by_setting) {
  const std::string directory = root / "proc/sys/net/netfilter";
  std::vector<std::string> names;
  const auto is_on = [&directory](const char* name) {
    return conntrack_setting(directory, name).value_or(0) == 1;
  };
  if (is_on("nf_conntrack_acct") && !counts_by_parameter(root)) {
    names.emplace_back("nf_conntrack_acct");
  }
  if (is_on("nf_conntrack_timestamp")) names.emplace_back("nf_conntrack_timestamp");
  if (events_by_setting && is_on("nf_conntrack_events")) names.emplace_back("nf_conntrack_events");
  return names;
}

bool concerns(const fs::path& root) {
  std::error_code error;
  const fs::path own = fs::read_symlink(root / "proc/self/ns/net", error);
  if (error) return false;
  const fs::path first = fs::read_symlink(root / "proc/1/ns/net", error);
  if (error || own != first) return false;  // check_namespace() says it
  return std::none_of(kSignsOfAContainer.begin(), kSignsOfAContainer.end(),
                      [&root](const char* name) { return fs::exists(root / name); });
}

}  // namespace

Findings check_boot(const std::string& root, std::string release) {
  constexpr const char* kFix =
      "ctflowd-enable, or a file in /etc/sysctl.d and one with nf_conntrack in /etc/modules-load.d";
  Findings found;
  if (!concerns(root)) return found;
  const auto files = settings_at_boot(root);
  std::vector<std::string> lost;
  const auto now = settings_now(root, events_on_demand_by_default(std::move(release)));
  for (const std::string& name : now) {
    const auto file = files.find(std::string(kPrefix) + name);
    if (file == files.end() || file->second != "1") lost.push_back(name);
  }
  if (!lost.empty()) {
    found.wrong.push_back(
        {"settings_lost_at_boot",
         fmt::format("{} {} in no file that is read at the start of this host{}: after the next "
                     "boot connections are counted and reported as if {} had never been set",
                     fmt::join(lost, ", "), lost.size() == 1 ? "is" : "are",
                     unread_place(root, lost), lost.size() == 1 ? "it" : "they"),
         kFix});
  } else if (!now.empty() && !loaded_early(root)) {
    found.wrong.push_back(
        {"settings_lost_at_boot",
         "the settings in sysctl.d exist only once nf_conntrack is loaded, and no "
         "file has it loaded before they are set: after the next boot they are not",
         kFix});
  }
  return found;
}

}  // namespace ctflow
