"""Draws a report as HTML that needs no script, no network and no kernel. Pure: the same report
gives the same text.

Everything from outside is escaped; the only links lead to places in the report and to plain http
and https addresses.
"""

from __future__ import annotations

import hashlib
import json
from itertools import groupby

from sentient_kernel.projections.drawing.style import VERBATIM, apart, spaced
from sentient_kernel.projections.drawing.words import OUTCOMES, STATES
from sentient_kernel.report.escape import escaped, link
from sentient_kernel.report.markdown import count
from sentient_kernel.report.report import Citation, Claim, Gap, Report

AROUND = 140
"""How many characters around a quote are drawn."""

REFUSED = 10
"""How many unread documents of a source are listed."""

Numbers = dict[tuple[str, int, int], int]

STYLE = """
.sk-r{--t:var(--jp-ui-font-color1,light-dark(#1c2127,#e6e9ee));
--s:var(--jp-ui-font-color2,light-dark(#5c6570,#9ba5b2));
--b:var(--jp-layout-color1,light-dark(#fff,#16191e));
--d:var(--jp-layout-color2,light-dark(#f5f6f8,#1f242b));
--l:var(--jp-border-color2,light-dark(#e0e3e8,#333a44));
--a:color-mix(in srgb,var(--jp-brand-color1,light-dark(#1967d2,#7ab0ff)) 84%,var(--t));
--ok:color-mix(in srgb,var(--jp-success-color1,light-dark(#1e7f4f,#6fd3a0)) 78%,var(--t));
--w:color-mix(in srgb,var(--jp-warn-color1,light-dark(#b36b00,#f0b45c)) 64%,var(--t));
--x:color-mix(in srgb,var(--jp-error-color1,light-dark(#b3261e,#ff8f86)) 84%,var(--t));
font:14px/1.6 var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu
Sans",sans-serif);
color:var(--t);background:var(--b);
border:1px solid var(--l);border-radius:8px;max-width:920px;overflow:hidden;margin:2px 0 8px;
container-type:inline-size;text-align:left;overflow-wrap:anywhere}
[data-jp-theme-light="true"] .sk-r{color-scheme:light}
[data-jp-theme-light="false"] .sk-r{color-scheme:dark}
.sk-r *{box-sizing:border-box}.sk-r .sk-sep{display:none}.sk-r .soft{color:var(--s)}
.sk-r .num{font-variant-numeric:tabular-nums}
.sk-r .ok{color:var(--ok)}.sk-r .warn{color:var(--w)}.sk-r .bad{color:var(--x)}
.sk-r.sk-r h3{display:flex;gap:12px;align-items:baseline;padding:12px 16px 6px;margin:0;
font:inherit;color:inherit}.sk-r h3>:empty{display:none}
.sk-r sup{font-size:inherit;line-height:inherit;vertical-align:baseline}
.sk-r .state{display:inline-flex;gap:6px;align-items:center;white-space:nowrap;font-weight:600;
font-size:12px}
.sk-r .state i{width:8px;height:8px;border-radius:50%;background:currentColor}
.sk-r .q{font-weight:600;text-wrap:pretty}
.sk-r .bar{display:flex;flex-wrap:wrap;gap:4px 16px;padding:0 16px 10px;font-size:12px;
color:var(--s)}
.sk-r .rep{display:grid;grid-template-columns:minmax(0,1.7fr) minmax(220px,1fr);
border-top:1px solid var(--l)}
.sk-r .rep>*{padding:6px 20px 16px;min-width:0}.sk-r .rep>.one{grid-column:1/-1}
.sk-r aside{border-left:1px solid var(--l);background:var(--d);font-size:12.5px;line-height:1.5}
.sk-r p{margin:8px 0}.sk-r .lead{font-size:15.5px;line-height:1.5;font-weight:500;
margin:10px 0 12px}
.sk-r.sk-r h4{font:inherit;font-weight:600;font-size:13px;line-height:1.4;color:inherit;
margin:16px 0 4px}
.sk-r.sk-r .over{font-size:11px;line-height:1.2;font-weight:600;color:var(--s);margin:8px 0;
display:flex;justify-content:space-between}
.sk-r .cite{font-weight:600;font-size:11px;line-height:1;color:var(--a);
background:color-mix(in srgb,var(--a) 10%,transparent);
border-radius:4px;padding:2px 5px;vertical-align:2px;text-decoration:none;white-space:nowrap}
.sk-r .cite:hover,.sk-r .cite:focus-visible{outline:2px solid var(--a);outline-offset:1px}
.sk-r .weak{text-decoration:underline dotted var(--w) 2px;text-underline-offset:3px}
.sk-r .tag{font-size:11px;font-weight:600;color:var(--w);white-space:nowrap}
.sk-r .note{font-size:12.5px;border-top:1px solid var(--l);padding-top:10px;margin-top:14px}
.sk-r .note ul{margin:2px 0;padding-left:18px}
.sk-r details{border-top:1px solid var(--l);padding:6px 0}.sk-r details:first-of-type{border-top:0}
.sk-r .quote:target{outline:2px solid var(--a);outline-offset:3px;border-radius:4px}
.sk-r summary{cursor:pointer;line-height:1.4}.sk-r summary b{font-weight:600}
.sk-r .quote{border-left:3px solid var(--a);background:var(--b);padding:8px 12px;margin:6px 0;
border-radius:0 6px 6px 0;
white-space:pre-line}
.sk-r .quote mark{background:color-mix(in srgb,var(--a) 22%,transparent);color:inherit}
.sk-r .at{font-size:11.5px;color:var(--s)}.sk-r .at a{color:var(--a)}
.sk-r.sk-r table{width:100%;table-layout:auto;border-collapse:collapse;font-size:12px;border:0;
border-top:1px solid var(--l);
background:transparent;color:inherit;margin:0}.sk-r.sk-r.sk-r tr{background:transparent}
.sk-r.sk-r td,.sk-r.sk-r th{text-align:left;vertical-align:top;padding:5px 16px;border:0;
border-top:1px solid var(--l);max-width:none;
background:transparent;color:inherit;white-space:normal;line-height:1.5}
.sk-r.sk-r th{white-space:nowrap;color:var(--s);font-weight:600;font-size:11px}
.sk-r.sk-r td.n,.sk-r.sk-r th.n{text-align:right;overflow-wrap:normal}
@container (max-width:640px){.sk-r .rep{grid-template-columns:minmax(0,1fr)}
.sk-r aside{border-left:0;border-top:1px solid var(--l)}}
"""


def draw(report: Report) -> str:
    """Returns the report as one ``section`` element with its own style.

    Args:
        report: Any report.
    """
    numbers = {citation.place: at for at, citation in enumerate(report.citations, 1)}
    base = _base(report)
    body = _body(report, numbers, base)
    aside = _aside(report, numbers, base)
    column = "" if aside else ' class="one"'
    return spaced(
        f'<section class="sk-r {VERBATIM}"'
        f' aria-label="Report"><style>{" ".join(STYLE.split())}</style>{_head(report)}'
        f'<div class="rep"><div{column}>{body}</div>{aside}</div>{_sources(report)}</section>'
    )


def page(report: Report) -> str:
    """Returns a whole HTML page with the report; it follows the reader's light or dark preference
    and loads nothing.

    Args:
        report: Any report.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport"'
        ' content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><meta name="referrer"'
        ' content="no-referrer">'
        f"<title>{escaped(report.question) or 'Report'}</title>"
        "<style>:root{color-scheme:light"
        " dark}body{margin:0;padding:24px;background:light-dark(#fff,#111317)}.sk-r{margin:0"
        " auto}</style>"
        f"</head><body>\n{draw(report)}\n</body></html>\n"
    )


def _base(report: Report) -> str:
    """Returns what ids in this report begin with; another report in the same page has others.

    Only what is shown counts: the same findings of another run, or in another folder, are drawn
        alike and kept outputs can be compared.
    """
    shown = [
        report.question,
        report.answer,
        *(f"{one.uri} {one.start} {one.quote}" for one in report.citations),
    ]
    data = json.dumps(shown).encode("utf-8", "surrogatepass")
    return f"sk-{hashlib.sha256(data).hexdigest()[:10]}"


def _head(report: Report) -> str:
    level = "nothing" if report.abstained else report.coverage.level
    _, word, colour = OUTCOMES.get(level, STATES["completed"])
    state = f'<span class="state {"ok" if colour == "ok" else "warn"}"><i></i>{word}</span>'
    cost = report.cost
    reasoning = f", {cost.reasoning:,} of them reasoning" if cost.reasoning else ""
    said = [
        *report.facts,
        f"{count(len(report.sources), 'source')} asked" if report.sources else "",
        f"{cost.seconds:.1f} s" if cost.seconds else "",
        count(cost.calls, "call") if cost.calls else "",
        f"{cost.tokens:,} tokens{reasoning}" if cost.tokens else "",
        f"${cost.usd:.2f}" if cost.usd else "",
    ]
    bar = apart(" · ").join(f'<span class="num">{escaped(fact)}</span>' for fact in said if fact)
    return (
        f"<h3>{state}{apart(' · ')}"
        f'<span class="q">{escaped(report.question)}</span></h3><div class="bar">{bar}</div>'
    )


def _body(report: Report, numbers: Numbers, base: str) -> str:
    answer = " ".join(_sentence(claim, numbers, base) for claim in report.lead) or escaped(
        report.answer
    )
    parts = [f'<p class="lead">{answer or "Nothing in the sources answers this."}</p>']
    for heading, claims in report.details:
        parts += [f"<h4>{escaped(heading)}</h4>"] if heading else []
        for group in _paragraphs(claims):
            parts.append(f"<p>{' '.join(_sentence(claim, numbers, base) for claim in group)}</p>")
    for one in report.disagreements:
        sides = " ".join(_sentence(side, numbers, base) for side in one.sides)
        parts.append(f'<p class="note"><b>Sources disagree.</b> {escaped(one.why)} {sides}</p>')
    parts += [_gap(gap) for gap in report.unanswered]
    parts += [f'<div class="note"><b>Note:</b> {escaped(note)}</div>' for note in report.notes]
    return "".join(parts)


def _paragraphs(claims: list[Claim]) -> list[list[Claim]]:
    """Returns neighbouring sentences of one document together."""
    groups = groupby(claims, lambda claim: claim.citations[0].document if claim.citations else "")
    return [list(group) for _, group in groups]


def _sentence(claim: Claim, numbers: Numbers, base: str) -> str:
    marks = "".join(
        f' <sup><a class="cite" href="#{base}-{numbers[one.place]}" aria-label="Evidence'
        f' {numbers[one.place]}">{_number(numbers[one.place])}</a></sup>'
        for one in claim.citations
        if one.place in numbers
    )
    if not claim.weak:
        return f"{escaped(claim.text)}{marks}"
    why = escaped(claim.reason) or "No source supports this sentence."
    tag = f'<span class="tag" title="{why}">{apart("(")}unsupported{apart(")")}</span>'
    return f'<span class="weak" title="{why}">{escaped(claim.text)}</span>{marks} {tag}'


def _number(at: int) -> str:
    """Returns the number of a quotation; without its colour it needs brackets."""
    return f"{apart('[')}{at}{apart(']')}"


def _gap(gap: Gap) -> str:
    reasons = "".join(
        f"<li><b>{escaped(source)}</b>: {escaped(reason)}</li>" for source, reason in gap.sources
    )
    listed = f"<ul>{reasons}</ul>" if reasons else ""
    return (
        f'<div class="note"><b>Not found:</b> {escaped(gap.question)} '
        f'<span class="soft">{escaped(gap.reason)}</span>{listed}</div>'
    )


def _aside(report: Report, numbers: Numbers, base: str) -> str:
    """Returns the quotes, each in its context; empty without any."""
    if not report.citations:
        return ""
    shown = "".join(_quote(one, numbers[one.place], base) for one in report.citations)
    head = (
        f'<h4 class="over">Evidence{apart(":")} '
        f'<span class="num">{len(report.citations)}</span></h4>'
    )
    return f'<aside aria-label="Evidence">{head}{shown}</aside>'


def _quote(one: Citation, at: int, base: str) -> str:
    verdict = (
        '<span class="ok">at its place</span>'
        if one.placed
        else '<span class="warn">not at its place</span>'
    )
    url = link(one.uri)
    address = escaped(one.uri)
    where = (
        f'<a href="{escaped(url)}" rel="noopener noreferrer nofollow" target="_blank">{address}</a>'
        if url
        else address
    )
    before, after = one.before[-AROUND:], one.after[:AROUND]
    if len(one.before) > AROUND:  # begin and end with whole words
        before = "… " + before.split(" ", 1)[-1]
    if len(one.after) > AROUND:
        after = after.rsplit(" ", 1)[0] + " …"
    before, after = escaped(before, lines=True), escaped(after, lines=True)
    first = " open" if at == 1 else ""
    quote = (
        f'<span class="soft">{before} </span><mark>{escaped(one.quote, lines=True)}</mark>'
        f'<span class="soft"> {after}</span>'
    )
    title = f"<b>{escaped(one.title) or 'untitled'}</b>{apart(',')}"
    return (
        f'<details{first}><summary><span class="cite num">{_number(at)}</span> {title}'
        f' {verdict}</summary><blockquote class="quote" id="{base}-{at}">{quote}</blockquote>'
        f'<div class="at num">{where} · characters {one.start} to {one.end}</div></details>'
    )


def _sources(report: Report) -> str:
    if not report.sources:
        return ""
    rows = []
    for note in report.sources:
        lines = [escaped(note.reason)] if note.reason else []
        lines += [
            f'<span class="soft">{escaped(uri)}: {escaped(reason)}</span>'
            for uri, reason in note.refused[:REFUSED]
        ]
        if len(note.refused) > REFUSED:
            lines.append(f'<span class="soft">and {len(note.refused) - REFUSED} more</span>')
        state = "<br>".join(lines)
        rows.append(
            f'<tr><td><b>{escaped(note.source)}</b></td><td>{state}</td><td class="n'
            f' num">{note.documents}</td><td class="n num">{note.found}</td><td class="n'
            f' num">{report.cited_of(note.source)}</td></tr>'
        )
    head = (
        '<tr><th>Source</th><th>Notes</th><th class="n">Documents</th><th class="n">Passages'
        ' found</th><th class="n">Cited</th></tr>'
    )
    return f"<table>{head}{''.join(rows)}</table>"
