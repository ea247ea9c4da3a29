"""The look that all static views share, and the only ways in which outside text enters them.

``CSS`` is one calm language for run, report, approvals, errors and tables. Every rule hangs on
``.sk``, every class begins with ``sk-``, colours come from JupyterLab's variables with fallbacks
for the light or dark scheme of the page around, and nothing is fetched.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

from sentient_kernel.failures import plain as plain

_SPACE = re.compile(r"\s+")
_BLOCK_END = re.compile(
    r"(?:</(?:aside|blockquote|dd|details|div|dl|dt|h[1-6]|header|li|ol|p|section|summary|table"
    r"|tbody|td|th|thead|tr|ul)>|<br>)(?!\n)"
)


def line(text: object, limit: int = 120) -> str:
    """Returns the text on one line of at most ``limit`` characters, hidden characters made visible.

    Example:
        >>> line("one\\n  two three", 8)
        'one two…'
    """
    raw = str(text)
    short = plain(_SPACE.sub(" ", raw[: limit * 4]).strip())
    return (
        short
        if len(short) <= limit and len(raw) <= limit * 4
        else short[: limit - 1].rstrip() + "…"
    )


def escape(text: object) -> str:
    """Returns the text so that it is only text in HTML, also inside a quoted attribute; hidden
    characters made visible.

    Example:
        >>> escape('<b onclick="x">')
        '&lt;b onclick=&quot;x&quot;&gt;'
    """
    return html.escape(plain(text), quote=True)


def apart(mark: str) -> str:
    """Returns what stands between two parts for readers without styles: GitHub, mail, a notebook
    that is not trusted.

    Example:
        >>> apart(" · ")
        '<span class="sk-sep"> · </span>'
    """
    return f'<span class="sk-sep">{mark}</span>'


def spaced(drawn: str) -> str:
    """Returns HTML of ours with a line break behind each block, so that also the bare text of it
    has its words apart.

    Example:
        >>> spaced("<p>One.</p><p>Two <b>words</b>.</p>")
        '<p>One.</p>\\n<p>Two <b>words</b>.</p>\\n'
    """
    return _BLOCK_END.sub(r"\g<0>\n", drawn)


def duration(seconds: float | None) -> str:
    """Returns a length of time as people say it; empty for None.

    Example:
        >>> [duration(s) for s in (0.04, 4.1, 72, 3900, 190000)]
        ['0.0 s', '4.1 s', '1 min 12 s', '1 h 5 min', '2 d 4 h']
    """
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{max(seconds, 0.0):.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    for big, small, size, part in (
        ("d", "h", 86_400, 3_600),
        ("h", "min", 3_600, 60),
        ("min", "s", 60, 1),
    ):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {big} {rest} {small}" if rest else f"{whole // size} {big}"
    return f"{whole} s"


def moment(at: datetime | None) -> str:
    """Returns a point in time to the second, in UTC; empty for None, without a zone where none is
    known.

    Example:
        >>> from sentient_kernel.clock import as_datetime
        >>> moment(as_datetime(0)), moment(datetime(1970, 1, 1))
        ('1970-01-01 00:00:00 UTC', '1970-01-01 00:00:00')
    """
    if at is None:
        return ""
    known = at.utcoffset() is not None
    return (at.astimezone(UTC) if known else at).strftime(
        "%Y-%m-%d %H:%M:%S UTC" if known else "%Y-%m-%d %H:%M:%S"
    )


_COLOURS = """--sk-bg:var(--jp-layout-color1,{bg});
--sk-sunk:color-mix(in srgb,var(--jp-layout-color2,{sunk}) 50%,var(--sk-bg));
--sk-line:var(--jp-border-color2,{line});
--sk-text:var(--jp-ui-font-color1,{text});
--sk-accent:color-mix(in srgb,var(--jp-brand-color1,{accent}) 84%,var(--sk-text));
--sk-ok:color-mix(in srgb,var(--jp-success-color1,{ok}) 78%,var(--sk-text));
--sk-ask:color-mix(in srgb,var(--jp-warn-color1,{ask}) 64%,var(--sk-text));
--sk-bad:color-mix(in srgb,var(--jp-error-color1,{bad}) 84%,var(--sk-text));
--sk-soft:color-mix(in srgb,var(--sk-text) 68%,var(--sk-bg));"""
# The hues are mixed with the text colour because JupyterLab's own warn orange stands at 2.7:1 on
# white, too pale for words.
_LIGHT = {"bg": "#fff", "sunk": "#ebedf1", "line": "#e0e3e8", "text": "#1c2127"} | {
    "accent": "#1874dd",
    "ok": "#1f8f58",
    "ask": "#dd7b00",
    "bad": "#cb261c",
}
_DARK = {"bg": "#16191e", "sunk": "#282f37", "line": "#333a44", "text": "#e6e9ee"} | {
    "accent": "#66a5ff",
    "ok": "#4fc98f",
    "ask": "#f0981f",
    "bad": "#ff7d73",
}

# `.sk.sk` outweighs what notebook front ends say about tables, lists and paragraphs inside an
# output.
_RULES = """
.sk.sk{box-sizing:border-box;max-width:920px;overflow:hidden;container-type:inline-size;
color:var(--sk-text);background:var(--sk-bg);
border:1px solid var(--sk-line);border-radius:8px;font:13px/1.5 var(--sk-ui);text-align:left;
overflow-wrap:anywhere;margin:2px 0 8px}
.sk.sk *{box-sizing:border-box}
.sk.sk p,.sk.sk ol,.sk.sk ul,.sk.sk dl,.sk.sk dd,.sk.sk dt,.sk.sk pre{margin:0;padding:0}
.sk.sk h3,.sk.sk h4{margin:0;font:inherit;font-weight:600;color:inherit}
.sk.sk dt,.sk.sk dd{float:none;width:auto}
.sk.sk a{color:var(--sk-accent)}.sk .sk-soft{color:var(--sk-soft);font-weight:400}
.sk .sk-num{font-variant-numeric:tabular-nums}
.sk .sk-nowrap{white-space:nowrap}.sk .sk-sep{display:none}
.sk.sk code,.sk.sk .sk-code{font:12px/1.5 var(--sk-code);background:none;color:inherit;padding:0;
white-space:pre-wrap;
overflow-wrap:anywhere}.sk .sk-run{color:var(--sk-accent)}.sk .sk-asks{color:var(--sk-ask)}
.sk .sk-ok{color:var(--sk-ok)}
.sk .sk-bad{color:var(--sk-bad)}
.sk .sk-sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);
white-space:nowrap}
.sk .sk-head>:empty{display:none}
.sk .sk-head{display:flex;flex-wrap:wrap;gap:2px 12px;align-items:baseline;padding:12px 16px 8px}
.sk .sk-q{font-weight:600;font-size:14px;flex:1 1 240px;text-wrap:pretty}
.sk .sk-state{display:inline-flex;align-items:center;gap:6px;white-space:nowrap;font-weight:600;
font-size:12px}
.sk .sk-state i{font:600 12px/1 var(--sk-ui);font-style:normal;min-width:10px;text-align:center}
.sk .sk-bar{display:flex;flex-wrap:wrap;align-items:center;gap:2px 16px;padding:0 16px 12px;
font-size:12px;color:var(--sk-soft)}
.sk.sk .sk-phases{display:flex;gap:2px;padding:0 16px 12px;list-style:none}
.sk.sk .sk-phases li{flex:1 1 0;min-width:0;margin:0;font-size:11px;color:var(--sk-soft);
border-top:3px solid var(--sk-line);
padding-top:5px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.sk.sk .sk-phases .sk-d{border-color:var(--sk-ok)}
.sk.sk .sk-phases .sk-n{border-color:var(--sk-accent);color:var(--sk-text);font-weight:600}
.sk.sk .sk-phases .sk-w{border-color:var(--sk-ask);color:var(--sk-text);font-weight:600}
.sk.sk .sk-phases .sk-o{border-color:var(--sk-soft);color:var(--sk-text);font-weight:600}
.sk.sk .sk-phases .sk-x{border-color:var(--sk-bad);color:var(--sk-text);font-weight:600}
.sk .sk-meter{height:3px;margin:0 16px 12px;background:var(--sk-line);border-radius:2px;
overflow:hidden}
.sk .sk-meter b{display:block;height:100%;background:var(--sk-accent)}
.sk .sk-said{padding:0 16px 12px}.sk.sk .sk-said .sk-t{margin:0}
.sk.sk .sk-said ul{padding-left:18px}
.sk .sk-body{display:grid;grid-template-columns:minmax(0,1.25fr) minmax(0,1fr);
border-top:1px solid var(--sk-line)}
.sk .sk-body.sk-one{grid-template-columns:minmax(0,1fr)}.sk .sk-body>*{padding:12px 16px;
min-width:0}
.sk .sk-body>*+*{border-left:1px solid var(--sk-line)}
.sk.sk .sk-t{font:600 11px/1.3 var(--sk-ui);color:var(--sk-soft);margin:0 0 8px;display:flex;
flex-wrap:wrap;
justify-content:space-between;gap:0 12px}
.sk.sk table.sk-steps{width:100%;table-layout:fixed;border-collapse:collapse;border:0;
font-size:12px;margin:0;color:inherit}
.sk.sk .sk-steps td{border:0;padding:2px 8px 2px 0;text-align:left;background:none;overflow:hidden;
text-overflow:ellipsis;
white-space:nowrap;vertical-align:middle;line-height:1.5;font-weight:400}
.sk.sk .sk-steps tr{background:none}
.sk.sk .sk-steps td:first-child{width:18px;font-weight:600;overflow:visible}
.sk.sk .sk-steps td:nth-child(3){width:38%;padding-right:0}
.sk .sk-steps .sk-s{display:flex;gap:8px;align-items:center;justify-content:flex-end}
.sk .sk-steps .sk-s>.sk-lane{flex:1}.sk .sk-steps .sk-s>:last-child{min-width:58px;text-align:right}
.sk.sk .sk-steps td.sk-why{white-space:normal;padding:0 0 3px;color:var(--sk-soft);line-height:1.4}
.sk .sk-lane{display:block;position:relative;height:8px;background:var(--sk-sunk);border-radius:2px}
.sk .sk-lane b{position:absolute;top:0;bottom:0;min-width:2px;border-radius:2px;
background:var(--sk-ok);opacity:.75}
.sk .sk-lane b.sk-l-run{background:var(--sk-accent);opacity:1}
.sk .sk-lane b.sk-l-bad{background:var(--sk-bad);opacity:1}
.sk .sk-lane b.sk-l-cut{background:repeating-linear-gradient(-45deg,var(--sk-soft) 0
3px,transparent 3px 6px)}
.sk .sk-more{font-size:12px;color:var(--sk-soft);margin-top:6px}.sk .sk-say{white-space:pre-wrap;
text-wrap:pretty}
.sk.sk .sk-src{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:3px 12px;font-size:12px}
.sk.sk .sk-src dt{font-weight:400}
.sk.sk .sk-src dd{text-align:right}.sk.sk .sk-src dd.sk-why{grid-column:1/-1;text-align:left;
margin:-3px 0 2px}
.sk .sk-say+.sk-part,.sk .sk-part+.sk-part{margin-top:12px;border-top:1px solid var(--sk-line);
padding-top:10px}
.sk .sk-ask,.sk .sk-trouble{border-left:3px solid var(--sk-ask);
background:color-mix(in srgb,var(--sk-ask) 7%,var(--sk-bg));
padding:12px 16px;border-top:1px solid var(--sk-line)}
.sk .sk-trouble{border-left-color:var(--sk-bad);
background:color-mix(in srgb,var(--sk-bad) 6%,var(--sk-bg))}.sk .sk-h{font-weight:600}
.sk.sk .sk-ask ol,.sk.sk .sk-ask ul{margin:8px 0 2px;padding-left:20px}
.sk.sk .sk-ask li{margin:3px 0}
.sk.sk .sk-given{display:grid;grid-template-columns:fit-content(32%) minmax(0,1fr);gap:2px 12px;
margin:8px 0 2px}
.sk.sk .sk-given ol,.sk.sk .sk-given dl{margin-top:0}
.sk.sk .sk-given dt{color:var(--sk-soft);font-weight:400}
.sk.sk .sk-how{margin-top:10px;display:grid;grid-template-columns:auto minmax(0,1fr);gap:2px 12px;
align-items:baseline}
.sk.sk .sk-how dt{font-weight:600;font-size:12px}
.sk .sk-row{display:flex;gap:4px 12px;align-items:baseline;flex-wrap:wrap;margin-top:8px;
font-size:12px;color:var(--sk-soft)}
.sk .sk-rep{display:grid;grid-template-columns:minmax(0,1.7fr) minmax(220px,1fr);
border-top:1px solid var(--sk-line);font-size:14px;
line-height:1.6}.sk .sk-rep>*{padding:8px 20px 16px;min-width:0}
.sk .sk-rep>aside{border-left:1px solid var(--sk-line);background:var(--sk-sunk);font-size:12.5px;
padding-top:14px}
.sk .sk-rep>aside .sk-quote{background:var(--sk-bg)}.sk.sk .sk-rep .sk-h{font-size:16px;
line-height:1.35;margin:12px 0 6px}
.sk.sk .sk-rep p{margin:8px 0}
.sk.sk .sk-cite{font:600 11px/1 var(--sk-ui);color:var(--sk-accent);
background:color-mix(in srgb,var(--sk-accent) 10%,transparent);
border-radius:4px;padding:2px 5px;vertical-align:2px;text-decoration:none}
.sk .sk-weak{text-decoration:underline dotted var(--sk-ask) 2px;text-underline-offset:3px}
.sk.sk .sk-quote{border:0;border-left:3px solid var(--sk-accent);background:var(--sk-sunk);
padding:8px 12px;margin:6px 0 12px;
font-size:12.5px;border-radius:0 6px 6px 0}
.sk .sk-quote mark{background:color-mix(in srgb,var(--sk-accent) 22%,transparent);color:inherit}
.sk.sk .sk-note{font-size:12.5px;border-top:1px solid var(--sk-line);padding-top:10px;
margin-top:14px}.sk .sk-scroll{overflow-x:auto}
.sk.sk table.sk-table{width:100%;table-layout:auto;border-collapse:collapse;border:0;font-size:12px;
margin:0;color:inherit}
.sk.sk .sk-table td,.sk.sk .sk-table th{text-align:left;vertical-align:top;padding:5px 16px 5px 0;
border:0;
border-top:1px solid var(--sk-line);font-weight:400;line-height:1.5;max-width:44ch;background:none}
.sk.sk .sk-table td:first-child,.sk.sk .sk-table th:first-child{padding-left:16px}
.sk.sk .sk-table thead th{color:var(--sk-soft);font-weight:600;font-size:11px;white-space:nowrap}
.sk.sk .sk-table tr{background:none}
.sk.sk>.sk-scroll:first-child thead th{border-top:0}.sk.sk strong,.sk.sk b{font-weight:600}
.sk.sk .sk-table .sk-right{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.sk.sk .sk-table .sk-wide{min-width:22ch}.sk.sk .sk-table .sk-keep{white-space:nowrap}
.sk summary{cursor:pointer}.sk summary:focus-visible{outline:2px solid var(--sk-accent);
outline-offset:-2px}
.sk .sk-exact{white-space:pre-wrap}.sk .sk-foot{padding:8px 16px;
border-top:1px solid var(--sk-line);font-size:12px;color:var(--sk-soft)}
@container (max-width:640px){.sk .sk-body,.sk .sk-rep{grid-template-columns:minmax(0,1fr)}
.sk .sk-body>*+*{border-left:0;border-top:1px solid var(--sk-line)}.sk .sk-rep>aside{border-left:0;
border-top:1px solid var(--sk-line)}
.sk.sk .sk-how{grid-template-columns:minmax(0,1fr)}.sk.sk .sk-how dt{margin-top:4px}}
@container (max-width:520px){.sk .sk-q{flex-basis:100%}.sk.sk .sk-phases li{font-size:0;
padding-top:0}
.sk.sk .sk-phases .sk-n,.sk.sk .sk-phases .sk-w,.sk.sk .sk-phases .sk-o,.sk.sk .sk-phases .sk-x{
flex:0 0 auto;min-width:16%;font-size:11px;padding-top:5px}
.sk.sk .sk-steps td:nth-child(3){width:34%}}
@media print{.sk.sk{break-inside:avoid-page}}
"""

CSS = (
    '.sk{--sk-ui:var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu'
    ' Sans",sans-serif);--sk-code:var(--jp-code-font-family,ui-monospace,Menlo,"DejaVu Sans'
    ' Mono",monospace);'
    + _COLOURS.format(**{name: f"light-dark({_LIGHT[name]},{_DARK[name]})" for name in _LIGHT})
    + '}\n[data-jp-theme-light="true"] .sk{color-scheme:light}'
    + '[data-jp-theme-light="false"] .sk{color-scheme:dark}'
    + _RULES
)
"""The style sheet of every static view."""

VERBATIM = "mathjax_ignore tex2jax_ignore"
"""Classes by which notebook front ends leave dollar signs and backslashes alone. Without them a
price becomes a formula, and a text from outside can draw a link, or over what stands around it.
"""

STYLE = f"<style>{CSS}</style>"
"""The same, ready to stand in front of a view."""
