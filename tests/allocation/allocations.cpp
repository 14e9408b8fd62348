// SPDX-License-Identifier: GPL-2.0-or-later
#include "allocations.hpp"

#include <cstdlib>
#include <new>

namespace {

std::size_t g_allocations = 0;
bool g_no_memory = false;

void* allocate(std::size_t size) {
  ++g_allocations;
  if (g_no_memory) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

std::size_t ctflow::test::allocations() { return g_allocations; }

ctflow::test::NoMemory::NoMemory() { g_no_memory = true; }
ctflow::test::NoMemory::~NoMemory() { g_no_memory = false; }
