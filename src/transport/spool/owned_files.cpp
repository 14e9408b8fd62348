// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/owned_files.hpp"

#include <fcntl.h>

#include <cerrno>

namespace ctflow {

bool OwnedFiles::own() {
  const std::error_code error = directory_.keep_lock();
  if (error) errno = error.value();
  return !error;
}

int OwnedFiles::open(const std::string& path, int flags, mode_t mode) {
  if ((flags & O_CREAT) != 0 && !own()) return -1;
  return files_.open(path, flags, mode);
}

ssize_t OwnedFiles::read(int file, void* to, std::size_t length, off_t offset) {
  return files_.read(file, to, length, offset);
}

ssize_t OwnedFiles::write(int file, const void* from, std::size_t length, off_t offset) {
  return own() ? files_.write(file, from, length, offset) : -1;
}

int OwnedFiles::truncate(int file, off_t size) { return own() ? files_.truncate(file, size) : -1; }

int OwnedFiles::remove(const std::string& path) { return own() ? files_.remove(path) : -1; }

int OwnedFiles::rename(const std::string& from, const std::string& to) {
  return own() ? files_.rename(from, to) : -1;
}

int OwnedFiles::status(const std::string& path, struct stat& found) {
  return files_.status(path, found);
}

int OwnedFiles::status(int file, struct stat& found) { return files_.status(file, found); }

int OwnedFiles::list(const std::string& directory, std::vector<std::string>& names) {
  return files_.list(directory, names);
}

int OwnedFiles::writable(const std::string& directory) { return files_.writable(directory); }

}  // namespace ctflow
