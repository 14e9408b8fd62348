// SPDX-License-Identifier: GPL-2.0-or-later
// Memory that costs nothing until it is used.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>

namespace ctflow {

struct Unmap {
  std::size_t octets = 0;
  void operator()(void* pages) const { munmap(pages, octets); }
};

template <typename T>
using ZeroPages = std::unique_ptr<T[], Unmap>;

/// Pages that read as zeros and take no memory until they are written. `T`: trivially copied, and
/// zeros are one of its values. Null: no memory left.
template <typename T>
ZeroPages<T> zero_pages(std::size_t count) {
  const std::size_t octets = count * sizeof(T);
  void* pages = mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return {};
  return {static_cast<T*>(pages), Unmap{octets}};
}

}  // namespace ctflow
