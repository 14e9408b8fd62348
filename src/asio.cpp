// SPDX-License-Identifier: GPL-2.0-or-later
// Asio's own code, compiled once instead of in each file that uses it
// (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
