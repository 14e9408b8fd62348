// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service_manager.hpp"

#ifdef CTFLOWD_SYSTEMD
#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <ctime>
#endif

namespace ctflow::service_manager {

#ifdef CTFLOWD_SYSTEMD

void ready() { sd_notify(0, "READY=1"); }

void reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  // For Type=notify-reload.
  const auto text =
      fmt::format("RELOADING=1\nMONOTONIC_USEC={}{:06}", now.tv_sec, now.tv_nsec / 1000);
  sd_notify(0, text.c_str());
}

void stopping() { sd_notify(0, "STOPPING=1"); }

void alive() { sd_notify(0, "WATCHDOG=1"); }

std::chrono::microseconds watchdog_interval() {
  std::uint64_t limit = 0;
  if (sd_watchdog_enabled(0, &limit) <= 0) return {};
  return std::chrono::microseconds(limit / 2);  // as sd_watchdog_enabled(3) advises
}

#else

void ready() {}
void reloading() {}
void stopping() {}
void alive() {}
std::chrono::microseconds watchdog_interval() { return {}; }

#endif

}  // namespace ctflow::service_manager
