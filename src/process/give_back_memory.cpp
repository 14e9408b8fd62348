// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/give_back_memory.hpp"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "process/descriptor.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace ctflow {
namespace {

/// Present, and as it is in the file (proc_pid_pagemap(5)): neither relocated nor with a
/// breakpoint.
constexpr std::uint64_t kOfFile = 1ULL << 63 | 1ULL << 61;

class FilePages {
 public:
  void give_back(std::uintptr_t begin, std::uintptr_t end) const {
    std::array<std::uint64_t, 512> entries;
    const std::uintptr_t after = (end + page_ - 1) / page_;
    for (std::uintptr_t first = begin / page_; first < after; first += entries.size()) {
      const std::size_t size = std::min<std::size_t>(entries.size(), after - first) * kEntry;
      const auto offset = static_cast<off_t>(first * kEntry);
      const ssize_t got = pread(map_.number(), entries.data(), size, offset);
      if (got > 0) give_back(first, {entries.data(), static_cast<std::size_t>(got) / kEntry});
    }
  }

 private:
  static constexpr std::size_t kEntry = sizeof(std::uint64_t);

  /// Those of `entries`, of which the first is that of the page with this number.
  void give_back(std::uintptr_t first, std::span<const std::uint64_t> entries) const {
    const auto is_of_file = [](std::uint64_t entry) { return (entry & kOfFile) == kOfFile; };
    for (auto at = entries.begin(); at != entries.end();) {
      const auto run = std::find_if(at, entries.end(), is_of_file);
      at = std::find_if_not(run, entries.end(), is_of_file);
      const auto page = first + static_cast<std::uintptr_t>(run - entries.begin());
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the linker and pagemap have numbers
      auto* const address = reinterpret_cast<void*>(page * page_);
      madvise(address, static_cast<std::size_t>(at - run) * page_, MADV_DONTNEED);
    }
  }

  const std::uintptr_t page_{static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE))};
  const Descriptor map_{open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)};
};

int give_back_file(dl_phdr_info* file, std::size_t /*size*/, void* pages) {
  for (int i = 0; i < file->dlpi_phnum; ++i) {
    const auto& part = file->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = file->dlpi_addr + part.p_vaddr;
    static_cast<const FilePages*>(pages)->give_back(begin, begin + part.p_memsz);
  }
  return 0;
}

}  // namespace

void give_back_memory() {
#ifdef __GLIBC__
  malloc_trim(0);  // musl's allocator keeps nothing
#endif
  FilePages pages;
  dl_iterate_phdr(give_back_file, &pages);
}

}  // namespace ctflow
