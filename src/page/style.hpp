// SPDX-License-Identifier: GPL-2.0-or-later
// The page's only style. The browser takes it by its hash, and no other.
#pragma once

#include <string_view>

namespace ctflow::page {

/// Between <style> and </style>, to the octet.
inline constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--text:#1d2733;--dim:#5d6b7a;--line:#e2e6eb;
--down:#2f6fb4;--up:#e0a23b;--gap:#d7dce2;--good:#1f7a4d;--goodbg:#e4f4ec;--bad:#9c2f22;--badbg:#fbe9e6}
@media(prefers-color-scheme:dark){:root{--bg:#12171d;--card:#1b222b;--text:#e4e9ef;--dim:#98a5b3;
--line:#2c3641;--down:#5b9be0;--up:#d9a04a;--gap:#36414d;--good:#7bd3a6;--goodbg:#16332a;--bad:#f2a197;
--badbg:#3b201d}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.45 system-ui,sans-serif;
font-variant-numeric:tabular-nums}
main,header,footer{max-width:76rem;margin:0 auto;padding:0 1rem}
header{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:baseline;gap:0 1rem;
padding-top:1.1rem}
h1{font-size:1.35rem;margin:0}
h2{font-size:1.05rem;margin:0 0 .15rem}
h3{font-size:.95rem;margin:1rem 0 .2rem}
p{margin:.2rem 0}
.dim,footer,caption,th{color:var(--dim)}
.dim,footer,caption{font-size:.85rem}
h1,h2,h3,p,li,td:first-child{overflow-wrap:anywhere}
.verdict{margin:.8rem 0 1rem;padding:.7rem 1rem;border-radius:.6rem;border-left:.3rem solid}
.verdict>strong{font-size:1.1rem}
.verdict ul{margin:.4rem 0 0;padding-left:1.1rem}
.verdict li{color:var(--text);margin:.25rem 0}
.good{color:var(--good)}.bad{color:var(--bad)}
.verdict.good{background:var(--goodbg);border-color:var(--good)}
.verdict.bad{background:var(--badbg);border-color:var(--bad)}
.cards{display:grid;grid-template-columns:minmax(0,1fr);gap:1rem}
@media(min-width:56rem){.cards{grid-template-columns:repeat(2,minmax(0,1fr))}.wide{grid-column:1/-1}}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.9rem 1rem;
min-width:0}
table{border-collapse:collapse;width:100%;margin-top:.4rem}
th{font-weight:500;font-size:.8rem;text-align:right;border-bottom:1px solid var(--line)}
th,td{padding:.28rem 0 .28rem .8rem;text-align:right;white-space:nowrap;vertical-align:top}
th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal;width:99%;min-width:5rem}
tr.sum td{border-top:1px solid var(--line);font-weight:600}
tr.rest td{color:var(--dim)}
td.text{text-align:left}
.bar{display:block;width:100%;height:.3rem;margin-top:.2rem;border-radius:.15rem}
.rail{fill:var(--line)}
rect.down{fill:var(--down)}rect.up{fill:var(--up)}rect.gap{fill:var(--gap)}
.course{display:block;width:100%;height:11rem;border-bottom:1px solid var(--dim)}
.grid{stroke:var(--line);vector-effect:non-scaling-stroke}
.scale,.hours{display:flex;flex-wrap:wrap;justify-content:space-between;color:var(--dim);font-size:.8rem;
padding:.3rem 0}
.key i{display:inline-block;width:.7em;height:.7em;border-radius:.15em;margin:0 .3em 0 .8em}
i.down{background:var(--down)}i.up{background:var(--up)}i.gap{background:var(--gap)}
pre,code{font:.85rem/1.4 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
pre{background:var(--bg);border-radius:.4rem;padding:.6rem .8rem}
dl{display:grid;grid-template-columns:1fr auto;margin:.4rem 0 0}
dt,dd{margin:0;padding:.28rem 0;border-bottom:1px solid var(--line)}
dd{text-align:right;padding-left:.8rem}
footer{padding:1rem}
@media(max-width:34rem){.more{display:none}main,header{padding-left:.6rem;padding-right:.6rem}
section{padding:.8rem .7rem}th,td{padding-left:.5rem}}
)";

/// SHA-256 of kStyle in base64, as Content-Security-Policy has it; tests/integration/page_test.py
/// says what it must be.
inline constexpr std::string_view kStyleHash = "gpaoCuj0/45+Dqlpn3D4qTRMu9TeosJeuaZ6aNEv/4w=";

}  // namespace ctflow::page
