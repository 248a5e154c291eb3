package plot

// Colors is the number of series colours; an index beyond it starts over.
const Colors = 7

// Style is the CSS that every figure of a page shares. Colour 0 is a grey for
// what others are compared with.
const Style = `
.plot{--c0:#7d8590;--c1:#d97706;--c2:#2563eb;--c3:#0d9488;--c4:#9333ea;--c5:#db2777;--c6:#65a30d;
--ink:#1f2328;--soft:#656d76;--rule:#d8dee4;display:block;width:100%;height:auto;
font:12px ui-sans-serif,system-ui,sans-serif;font-variant-numeric:tabular-nums}
@media (prefers-color-scheme:dark){.plot{--c0:#9198a1;--c1:#f59e0b;--c2:#6ea8fe;--c3:#2dd4bf;--c4:#c084fc;--c5:#f472b6;--c6:#a3e635;
--ink:#e6edf3;--soft:#9198a1;--rule:#30363d}}
.plot text{fill:var(--soft)}
.plot .key{fill:var(--ink)}
.plot .grid{stroke:var(--rule);stroke-width:1}
.plot .axis{stroke:var(--soft);stroke-width:1}
.plot .diagonal{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:2 4}
.plot .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.plot .dashed{stroke-dasharray:5 4}
.plot .band{fill:currentColor;opacity:.14}
.plot .fill{fill:currentColor}
.plot .whisker{stroke:var(--ink);stroke-width:1.3;opacity:.75}
.plot .value{fill:var(--ink);font-size:11px}
.plot .c0{color:var(--c0)}.plot .c1{color:var(--c1)}.plot .c2{color:var(--c2)}.plot .c3{color:var(--c3)}
.plot .c4{color:var(--c4)}.plot .c5{color:var(--c5)}.plot .c6{color:var(--c6)}
`
