// SPDX-License-Identifier: GPL-2.0-or-later
// What systemd is told of our state (sd_notify(3)). Does nothing where nobody asked for it, or when
// built without libsystemd.
#pragma once

#include <chrono>

namespace ctflow::service_manager {

void ready();
void reloading();
void stopping();
void alive();  ///< for the watchdog

/// How often alive() has to be said; 0: never.
std::chrono::microseconds watchdog_interval();

}  // namespace ctflow::service_manager
