// SPDX-License-Identifier: GPL-2.0-or-later
// Beast's own code, compiled once instead of in each file that uses it
// (BOOST_BEAST_SEPARATE_COMPILATION).
#include <boost/beast/src.hpp>
