// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/formats.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace ctflow::config {
namespace {

using std::chrono::milliseconds;
using namespace std::string_view_literals;

constexpr std::uint64_t kMax64 = std::numeric_limits<std::uint64_t>::max();

TEST(Integer, TakesItsRangeAndNoMore) {
  const auto format = integer(1, 65535);
  EXPECT_EQ(format.expected, "an integer from 1 to 65535");
  EXPECT_EQ(format.parse("1").value, 1U);
  EXPECT_EQ(format.parse("65535").value, 65535U);
  EXPECT_EQ(format.parse("0").value, std::nullopt);
  EXPECT_EQ(format.parse("65536").value, std::nullopt);
}

TEST(Integer, DoesNotWrap) {
  const auto format = integer(0, kMax64);
  EXPECT_EQ(format.parse("18446744073709551615").value, kMax64);
  EXPECT_EQ(format.parse("18446744073709551616").value, std::nullopt);
  EXPECT_EQ(format.parse("184467440737095516150").value, std::nullopt);
}

TEST(Integer, TakesPlainDecimalOnly) {
  const auto format = integer(0, kMax64);
  EXPECT_EQ(format.parse("0").value, 0U);
  for (const std::string_view text :
       {""sv, "-1"sv, "-0"sv, "+5"sv, "00"sv, "0123"sv, "0x10"sv, "0o7"sv, "1e3"sv, "1.0"sv,
        "1_000"sv, " 1"sv, "1 "sv, "1\n"sv, "1\0"sv, "abc"sv, ".inf"sv, "\xd9\xa1"sv}) {
    EXPECT_EQ(format.parse(text).value, std::nullopt) << text;
  }
  EXPECT_EQ(format.parse("0123").hint, "leave out the leading zeros");
  EXPECT_EQ(format.parse("0x10").hint, "write decimal digits only");
  EXPECT_EQ(format.parse("abc").hint, "");
}

TEST(IntegerOrAuto, TellsAutoFromWrong) {
  const auto format = integer_or_auto(0, 10);
  ASSERT_TRUE(format.parse("auto").value.has_value());
  EXPECT_EQ(*format.parse("auto").value, std::nullopt);
  EXPECT_EQ(format.parse("7").value.value(), 7U);
  EXPECT_FALSE(format.parse("11").value.has_value());
  EXPECT_FALSE(format.parse("Auto").value.has_value());
}

TEST(Duration, TakesEachUnit) {
  const auto format = duration("0ms", "24h");
  EXPECT_EQ(format.parse("250ms").value, milliseconds(250));
  EXPECT_EQ(format.parse("60s").value, milliseconds(60'000));
  EXPECT_EQ(format.parse("5m").value, milliseconds(300'000));
  EXPECT_EQ(format.parse("24h").value, milliseconds(86'400'000));
  EXPECT_EQ(format.parse("0s").value, milliseconds(0));
}

TEST(Duration, SaysWhatIsWrong) {
  const auto format = duration("1s", "1h");
  EXPECT_EQ(format.expected, "a duration from 1s to 1h with its unit (ms, s, m or h)");
  EXPECT_EQ(format.parse("60").hint, "add the unit");
  EXPECT_EQ(format.parse("60min").hint, "there is no such unit");
  EXPECT_EQ(format.parse("1.5s").hint, "write a whole number and the unit, without a space");
  EXPECT_EQ(format.parse("01s").hint, "leave out the leading zeros");
  EXPECT_EQ(format.parse("s").hint, "");
  for (const char* text : {"999ms", "61m", "60", "", "s", "-1s", "1S", "1 s", "1s ", "60s1"}) {
    EXPECT_EQ(format.parse(text).value, std::nullopt) << text;
  }
}

TEST(Duration, DoesNotWrap) {
  // 5124095576031h are 2^64 + 2'048'384 ms.
  EXPECT_EQ(duration("0ms", "1h").parse("5124095576031h").value, std::nullopt);
}

TEST(Size, TakesEachUnit) {
  const auto format = size("0B", "4GiB");
  EXPECT_EQ(format.parse("1B").value, 1U);
  EXPECT_EQ(format.parse("1KiB").value, 1024U);
  EXPECT_EQ(format.parse("1MiB").value, 1024U * 1024);
  EXPECT_EQ(format.parse("1GiB").value, 1024U * 1024 * 1024);
  EXPECT_EQ(format.parse("1kB").value, 1000U);
  EXPECT_EQ(format.parse("1MB").value, 1'000'000U);
  EXPECT_EQ(format.parse("1GB").value, 1'000'000'000U);
  for (const char* text : {"1", "1K", "1M", "1kib", "1KB", "0.5GiB", "1 MiB", "5GiB"}) {
    EXPECT_EQ(format.parse(text).value, std::nullopt) << text;
  }
}

TEST(Size, RefusesLimitsThatAreNoSizes) { EXPECT_THROW(size("0", "1GiB"), std::logic_error); }

TEST(SizeOrOff, TakesTheWordForZero) {
  const auto format = size_or_off("64KiB", "1GiB");
  EXPECT_EQ(format.parse("off").value, 0U);
  EXPECT_EQ(format.parse("1MiB").value, 1U << 20U);
  EXPECT_EQ(format.parse("0B").value, std::nullopt);
  EXPECT_EQ(format.parse("1000").hint, "add the unit");
}

TEST(FileNamePattern, IsANameOnly) {
  const auto format = file_name_pattern();
  EXPECT_EQ(format.parse("%Y.ipfix").value, "%Y.ipfix");
  for (const std::string_view text :
       {""sv, "."sv, ".."sv, "a/b"sv, "/a"sv, "a\0b"sv, "a\nb"sv, "\x1b[2J"sv, "\xc2\x9b"sv}) {
    EXPECT_EQ(format.parse(text).value, std::nullopt) << text;
  }
}

TEST(Boolean, TakesTwoWords) {
  const auto format = boolean();
  EXPECT_EQ(format.parse("true").value, true);
  EXPECT_EQ(format.parse("false").value, false);
  for (const char* text : {"True", "TRUE", "yes", "On", "y", "1"}) {
    EXPECT_EQ(format.parse(text).value, std::nullopt) << text;
    EXPECT_EQ(format.parse(text).hint, "write true") << text;
  }
  for (const char* text : {"False", "no", "OFF", "n", "0"}) {
    EXPECT_EQ(format.parse(text).value, std::nullopt) << text;
    EXPECT_EQ(format.parse(text).hint, "write false") << text;
  }
  EXPECT_EQ(format.parse("maybe").hint, "");
}

TEST(Choice, NamesAndTakesItsWords) {
  const auto format = choice<int>({{"a", 1}, {"b", 2}, {"c", 3}});
  EXPECT_EQ(format.expected, "a, b or c");
  EXPECT_EQ(format.parse("c").value, 3);
  EXPECT_EQ(format.parse("A").value, std::nullopt);
  EXPECT_EQ(format.parse("").value, std::nullopt);
}

TEST(Identifier, TakesWhatIsSafeInLogsAndLabels) {
  const auto format = identifier();
  EXPECT_EQ(format.parse("Edge-1.a_b").value, "Edge-1.a_b");
  EXPECT_EQ(format.parse(std::string(64, 'a')).value, std::string(64, 'a'));
  for (const std::string& text : {std::string(65, 'a'), std::string(), std::string("a b"),
                                  std::string("a/b"), std::string("é"), std::string("a\0", 2)}) {
    EXPECT_EQ(format.parse(text).value, std::nullopt) << text;
  }
}

TEST(AbsolutePathOrOff, TakesBoth) {
  const auto format = absolute_path_or_off();
  EXPECT_EQ(format.parse("off").value, "");
  EXPECT_EQ(format.parse("/run/s").value, "/run/s");
  EXPECT_EQ(format.parse("run/s").value, std::nullopt);
  EXPECT_EQ(format.parse("").value, std::nullopt);
}

TEST(SocketPathOrOff, TakesNamesThatTheKernelTakes) {
  const auto format = socket_path_or_off();
  EXPECT_EQ(format.parse("off").value, "");
  const std::string longest = "/" + std::string(106, 'a');
  EXPECT_EQ(format.parse(longest).value, longest);
  EXPECT_EQ(format.parse(longest + "a").value, std::nullopt);
  EXPECT_EQ(format.parse(longest + "a").hint, "it has 108 octets");
  EXPECT_EQ(format.parse("run/s").value, std::nullopt);
}

TEST(EndpointOrOff, TakesNumericAddressAndPort) {
  const auto format = endpoint_or_off();
  EXPECT_EQ(format.parse("off").value, "");
  for (const char* text : {"127.0.0.1:9995", "[::1]:1", "0.0.0.0:65535"}) {
    EXPECT_EQ(format.parse(text).value, text);
  }
  for (const char* text :
       {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "localhost:80",
        "::1:80", "[::1]", "[127.0.0.1]:80", ":80", "127.0.0.1:80 "}) {
    EXPECT_EQ(format.parse(text).value, std::nullopt) << text;
  }
  EXPECT_EQ(format.parse("127.0.0.1").hint, "add the port");
}

TEST(Device, FollowsTheKernelsRule) {
  const auto format = device();
  for (const char* text : {"eth0", "eth0.100", "br-lan", "abcdefghijklmno", "ünter"}) {
    EXPECT_EQ(format.parse(text).value, text);
  }
  for (const std::string_view text :
       {""sv, "."sv, ".."sv, "a/b"sv, "a b"sv, "a:1"sv, "a\tb"sv, "a\0"sv, "abcdefghijklmnop"sv}) {
    EXPECT_EQ(format.parse(text).value, std::nullopt) << text;
  }
}

TEST(CredentialPath, PutsTheDirectoryInPlaceOfTheVariable) {
  const ValueFormat<std::string> format = credential_path();
  EXPECT_EQ(format.parse("/etc/key").value, "/etc/key");
  unsetenv("CREDENTIALS_DIRECTORY");
  const Parsed<std::string> unset = format.parse("$CREDENTIALS_DIRECTORY/router.key");
  EXPECT_FALSE(unset.value);
  EXPECT_THAT(unset.hint, testing::HasSubstr("LoadCredential="));
  setenv("CREDENTIALS_DIRECTORY", "", 1);
  EXPECT_FALSE(format.parse("$CREDENTIALS_DIRECTORY/router.key").value);
  setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1);
  EXPECT_EQ(format.parse("$CREDENTIALS_DIRECTORY/router.key").value,
            "/run/credentials/x/router.key");
  for (const char* other : {"$CREDENTIALS_DIRECTORY", "$HOME/key", "${CREDENTIALS_DIRECTORY}/key",
                            "/a/$CREDENTIALS_DIRECTORYX"}) {
    EXPECT_NE(format.parse(other).value.value_or(other), "/run/credentials/x/key") << other;
  }
  unsetenv("CREDENTIALS_DIRECTORY");
}

TEST(Choice, SaysWhatIsMeant) {
  const ValueFormat<int> format = choice<int>({{"ipfix", 1}, {"netflow9", 2}});
  EXPECT_EQ(format.parse("IPFIX").hint, "did you mean \"ipfix\"?");
  EXPECT_EQ(format.parse("netlfow9").hint, "did you mean \"netflow9\"?");
  EXPECT_EQ(format.parse("x").hint, "");
  EXPECT_EQ(format.show(2), "netflow9");
  const ValueFormat<int> hinted = with_hints(format, {{"v9", "use netflow9"}});
  EXPECT_EQ(hinted.parse("v9").hint, "use netflow9");
  EXPECT_EQ(hinted.parse("ipfix").value, 1);
}

TEST(Show, IsInTheLargestUnit) {
  EXPECT_EQ(size("1B", "4GiB").show(4194304), "4MiB");
  EXPECT_EQ(size("1B", "4GiB").show(1500), "1500B");
  EXPECT_EQ(size("1B", "4GiB").show(2000), "2kB");
  EXPECT_EQ(size_or_off("1B", "4GiB").show(0), "off");
  EXPECT_EQ(duration("1ms", "24h").show(std::chrono::minutes(60)), "1h");
  EXPECT_EQ(duration("1ms", "24h").show(std::chrono::milliseconds(1500)), "1500ms");
  EXPECT_EQ(duration("0ms", "24h").show(std::chrono::milliseconds(0)), "0ms");
  EXPECT_EQ(duration_or_off("1s", "24h").show(std::chrono::milliseconds(0)), "off");
  EXPECT_EQ(integer_or_auto(0, 9).show(std::nullopt), "auto");
}

}  // namespace
}  // namespace ctflow::config
