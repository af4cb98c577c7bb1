/** The page's style sheet. Colours are variables, so that light and dark are one place. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d1f24; --soft: #5d6370; --line: #e4e1da; --track: #efece5;
  --good: #1c7c4a; --bad: #b3261e; --open: #946200; --alarm: #8e24aa; --accent: #2f5fb3; --second: #b4632a;
  --good-paper: #e7f4ec; --bad-paper: #fbe9e7; --open-paper: #fbf2dd; --alarm-paper: #f6e8f9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --card: #1c1f25; --ink: #e8e6e1; --soft: #a0a6b1; --line: #30343c; --track: #292d35;
    --good: #6ccf97; --bad: #ff8a80; --open: #e5b95a; --alarm: #d99be8; --accent: #86b0f5; --second: #e6a173;
    --good-paper: #16301f; --bad-paper: #3a1c1a; --open-paper: #332a13; --alarm-paper: #331b39;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere }
main { max-width: 1080px; margin: 0 auto; padding: 20px 16px 64px }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.01em }
h2 { font-size: 1.2rem; margin: 44px 0 4px }
p { margin: 4px 0 12px } .lead { font-size: 1.1rem; margin: 0 }
.soft, figcaption, caption { color: var(--soft) } .small { font-size: .86rem }
code { font: .86em ui-monospace, monospace }
.banner { border-radius: 14px; padding: 26px 28px; border: 1px solid var(--line); border-left: 8px solid }
.banner .word { font-size: .82rem; font-weight: 700; letter-spacing: .09em; text-transform: uppercase }
.pass { border-left-color: var(--good); background: var(--good-paper) } .pass .word { color: var(--good) }
.violated { border-left-color: var(--bad); background: var(--bad-paper) } .violated .word { color: var(--bad) }
.inconclusive, .timeout { border-left-color: var(--open); background: var(--open-paper) }
.inconclusive .word, .timeout .word { color: var(--open) }
.attacked { border-left-color: var(--accent); background: var(--card) } .attacked .word { color: var(--accent) }
.alarm { border-left-color: var(--alarm); background: var(--alarm-paper) } .alarm .word { color: var(--alarm) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 14px 0 0 }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px }
.tile b { display: block; font-size: 1.55rem; line-height: 1.25; font-variant-numeric: tabular-nums; letter-spacing: -.01em }
.tile span { color: var(--soft); font-size: .86rem; display: block }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; margin: 12px 0 }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 12px }
.columns .card { margin: 0; min-width: 0 }
.scroll { overflow-x: auto } .scroll table { min-width: 660px; overflow-wrap: normal } .scroll th { white-space: nowrap } td.name { overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .82rem }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top }
tr:last-child > td { border-bottom: 0 } .number { text-align: right; white-space: nowrap }
td.name { min-width: 10.5em } td.bar { min-width: 170px; width: 28% }
.meter { position: relative; height: 12px; margin-top: 6px; background: var(--track); border-radius: 6px }
.meter i { position: absolute; inset: 0 auto 0 0; border-radius: 6px; background: var(--accent) }
.meter i.over { background: var(--bad) } .meter i.gap { background: var(--second); opacity: .75 }
.meter u { position: absolute; top: -3px; bottom: -3px; width: 2px; background: var(--ink) }
.tag { display: inline-block; border-radius: 999px; padding: 0 9px; font-size: .78rem; font-weight: 650; border: 1px solid currentColor; white-space: nowrap }
.tag.pass { color: var(--good); background: none } .tag.fail { color: var(--bad) } .tag.waived, .tag.noted { color: var(--soft) }
.tag.inconclusive { color: var(--open); background: none } .tag.alarm { color: var(--alarm); background: none }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 12px; margin: 12px 0 }
.pictures figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px }
.triple { display: grid; grid-template-columns: repeat(3, 1fr); gap: 6px }
.triple img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; background: #000; border-radius: 5px }
.triple small { display: block; text-align: center; color: var(--soft); font-size: .74rem }
figcaption { margin-top: 8px; font-size: .88rem } figcaption b { color: var(--ink) }
.chart { display: block; width: 100%; height: auto; } .chart text { font: 12px system-ui, sans-serif; fill: var(--soft) }
.chart .grid { stroke: var(--line) } .chart .axis { stroke: var(--soft) }
.chart path { fill: none; stroke-width: 2.2; stroke-linejoin: round }
.s0 { color: var(--accent); stroke: var(--accent); fill: var(--accent); background: var(--accent) } .s1 { color: var(--second); stroke: var(--second); fill: var(--second); background: var(--second) }
.s2 { color: var(--good); stroke: var(--good); fill: var(--good); background: var(--good) } .s3 { color: var(--alarm); stroke: var(--alarm); fill: var(--alarm); background: var(--alarm) }
.chart path.level { stroke: var(--ink); stroke-width: .8; opacity: .55 } .chart path.zero { stroke-width: 2.4; opacity: 1 }
.dot { stroke: var(--card); stroke-width: .8 } .d0 { fill: var(--second); background: var(--second) } .d1 { fill: var(--accent); background: var(--accent) }
.stack { opacity: .62 } .b0 { fill: var(--second); background: var(--second) } .b1 { fill: var(--accent); background: var(--accent) }
.legend i.dot { width: 9px; height: 9px; border-radius: 50% } .figure { max-width: 760px; margin: 0 auto }
.dashed { stroke-dasharray: 6 4 }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: .86rem; color: var(--soft); margin: 4px 0 0 }
.legend i { display: inline-block; width: 18px; height: 3px; vertical-align: middle; margin-right: 7px; border-radius: 2px }
.legend i.dashed { height: 0; border-top: 3px dashed; border-radius: 0; background: none }
details { margin: 10px 0 } summary { cursor: pointer; color: var(--accent) }
pre { margin: 8px 0; padding: 12px; background: var(--track); border-radius: 8px; white-space: pre-wrap; font: .84rem/1.5 ui-monospace, monospace }
.on-narrow { display: none }
@media (max-width: 640px) { .on-wide { display: none } .on-narrow { display: block } }
@media (max-width: 560px) { h1 { font-size: 1.5rem } .figure text { font-size: 19px } .banner { padding: 20px 18px } td.bar { min-width: 80px } .tile b { font-size: 1.3rem } }
`
