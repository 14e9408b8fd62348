// SPDX-License-Identifier: GPL-2.0-or-later
// Likewise what Asio has for TLS (src/asio.cpp).
#include <boost/asio/ssl/impl/src.hpp>
