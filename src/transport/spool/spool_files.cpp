// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace ctflow {

int SpoolFiles::open(const std::string& path, int flags, mode_t mode) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
  return ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
}

ssize_t SpoolFiles::read(int file, void* to, std::size_t length, off_t offset) {
  return pread(file, to, length, offset);
}

ssize_t SpoolFiles::write(int file, const void* from, std::size_t length, off_t offset) {
  return pwrite(file, from, length, offset);
}

int SpoolFiles::truncate(int file, off_t size) { return ftruncate(file, size); }

int SpoolFiles::remove(const std::string& path) { return unlink(path.c_str()); }

int SpoolFiles::rename(const std::string& from, const std::string& to) {
  return std::rename(from.c_str(), to.c_str());
}

int SpoolFiles::status(const std::string& path, struct stat& found) {
  return lstat(path.c_str(), &found);
}

int SpoolFiles::status(int file, struct stat& found) { return fstat(file, &found); }

int SpoolFiles::list(const std::string& directory, std::vector<std::string>& names) {
  DIR* entries = opendir(directory.c_str());
  if (entries == nullptr) return -1;
  errno = 0;  // distinguishes an error from the end
  for (const dirent* entry = readdir(entries); entry != nullptr; entry = readdir(entries)) {
    names.emplace_back(&entry->d_name[0]);
    errno = 0;
  }
  const int error = errno;
  closedir(entries);
  errno = error;
  return error == 0 ? 0 : -1;
}

int SpoolFiles::writable(const std::string& directory) {
  return access(directory.c_str(), W_OK | X_OK);
}

}  // namespace ctflow
