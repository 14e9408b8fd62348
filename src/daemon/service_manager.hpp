// SPDX-License-Identifier: GPL-2.0-or-later
// State changes for systemd (sd_notify(3)). No effect outside a service of type notify, or when
// built without libsystemd.
#pragma once

#include <chrono>

namespace ctflow::service_manager {

void ready();
void reloading();
void stopping();
void alive();  ///< for the watchdog

/// The interval of alive(); 0: no watchdog.
std::chrono::microseconds watchdog_interval();

}  // namespace ctflow::service_manager
