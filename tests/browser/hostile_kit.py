"""Texts that want to run, to fetch, to look like something else or to break what is around them;
and what notices when one does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# HIT calls window.hit, URL asks another machine, MADE marks an element: none of them may happen.
# Each text ends in its own mark.
FORMS = {
    # scripts, however they are spelled
    "script": "<script MADE>HIT</script>",
    "script, mixed case": "<ScRiPt MADE>HIT</sCrIpT >",
    "script from elsewhere": '<script MADE src="URL"></script>',
    "script with slashes": "<script/MADE/src=URL></script>",
    "script in a script": "<scr<script MADE>HIT</script>ipt>HIT</scr</script>ipt>",
    "script left open": "<script MADE>HIT//",
    "script module": "<script type=module MADE>import 'URL'; HIT</script>",
    "script after an end": "</script><script MADE>HIT</script>",
    "script after a comment": "--><script MADE>HIT</script><!--",
    "script in character data": "<![CDATA[><script MADE>HIT</script>]]>",
    "script after a title": "</title></head><script MADE>HIT</script>",
    "script after a field": "</textarea></select></option><script MADE>HIT</script>",
    "script after a style": "</style></noscript><script MADE>HIT</script>",
    "script with a null": "<scr\0ipt MADE>HIT</scr\0ipt>",
    # pictures and handlers
    "picture": "<img MADE src=x onerror=HIT>",
    "picture out of quotes": '"><img MADE src=x onerror="HIT">',
    "picture out of single quotes": "'><img MADE src=x onerror='HIT'>",
    "picture out of backticks": "`><img MADE src=`x` onerror=`HIT`>",
    "picture without blanks": "<img/MADE/src=x/onerror=HIT>",
    "picture over lines": "<img\nMADE\tsrc=x\r\nonerror\n=\nHIT>",
    "picture, broken": "<<img MADE src=x onerror=HIT//<b>",
    "picture from elsewhere": '<img MADE src="URL" alt="">',
    "pictures to choose from": (
        '<picture MADE><source srcset="URL 1x"><img srcset="URL 2x"></picture>'
    ),
    "attributes": (
        '" onmouseover="HIT" onfocus="HIT" autofocus tabindex="0" style="position:fixed;inset:0'
    ),
    "attributes in single quotes": "' onmouseover='HIT' onfocus='HIT' autofocus='",
    "field with a focus": "<input MADE autofocus onfocus=HIT onblur=HIT>",
    "details": "<details MADE open ontoggle=HIT><summary>x</summary></details>",
    "body": "<body MADE onload=HIT onpageshow=HIT>",
    "marquee": "<marquee MADE onstart=HIT loop=1>x</marquee>",
    "video": (
        '<video MADE src="URL" poster="URL" onerror=HIT autoplay><source src=x onerror=HIT></video>'
    ),
    "sound": '<audio MADE src="URL" onerror=HIT autoplay></audio>',
    "animation": "<b MADE style='animation:spin 1s' onanimationstart=HIT ontransitionend=HIT>x</b>",
    # drawings and formulas
    "drawing": "<svg MADE onload=HIT></svg>",
    "script in a drawing": '<svg MADE><script href="URL">HIT</script></svg>',
    "animated drawing": "<svg MADE><animate onbegin=HIT attributeName=x dur=1s></svg>",
    "link that turns bad": (
        "<svg MADE><a><animate attributeName=href values=javascript:HIT /><text"
        " y=20>x</text></a></svg>"
    ),
    "drawing from elsewhere": '<svg MADE><use href="URL#x"/><image href="URL"/></svg>',
    "page in a drawing": (
        "<svg MADE><foreignObject><iframe"
        ' srcdoc="<script>parent.HIT</script>"></iframe></foreignObject></svg>'
    ),
    "math": (
        "<math MADE><mtext><table><mglyph><style><!--</style><img src=x"
        " onerror=HIT></mglyph></table></mtext></math>"
    ),
    "math link": '<math MADE href="javascript:HIT"><mi xlink:href="javascript:HIT">x</mi></math>',
    "template": (
        "<template MADE shadowrootmode=open><img src=x onerror=HIT></template><div><slot"
        " onslotchange=HIT></slot></div>"
    ),
    # pages in the page
    "frame": '<iframe MADE src="javascript:parent.HIT"></iframe>',
    "frame with its page": (
        '<iframe MADE srcdoc="<script>parent.HIT</script><img src=URL>"></iframe>'
    ),
    "frame from elsewhere": (
        '<iframe MADE src="URL" onload=HIT></iframe><frameset onload=HIT><frame'
        ' src="URL"></frameset>'
    ),
    "object": (
        '<object MADE data="URL" onerror=HIT><param name=src value="javascript:HIT"></object>'
    ),
    "embedded": '<embed MADE src="URL" onload=HIT>',
    "page elsewhere": '<meta MADE http-equiv=refresh content="0;url=URL">',
    "base": '<base MADE href="URL/"><script src="hit.js"></script>',
    "style sheet": (
        '<link MADE rel=stylesheet href="URL"><link rel=preload as=script href="URL"><link'
        ' rel=dns-prefetch href="URL">'
    ),
    "form": (
        '<form MADE action="URL"><button formaction="javascript:HIT" autofocus'
        " onfocus=HIT>x</button></form>"
    ),
    "buttons of others": (
        '<button MADE form=x formaction="URL">Approve</button><input type=image src="URL">'
    ),
    # style
    "style import": "<style MADE>@import url(URL);</style>",
    "style url": '<div MADE style="background:url(URL);list-style:url(URL)">x</div>',
    "style expression": (
        '<div MADE style="width:expression(HIT);-moz-binding:url(URL);behavior:url(URL)">x</div>'
    ),
    "style breakout": "red;}*{background:url(URL)}.x{color:",
    # links
    "link": '<a MADE href="javascript:HIT">x</a>',
    "link with a tab": (
        '<a MADE href="jav&#x09;ascript:HIT">x</a> <a MADE href=" &#14; javascript:HIT">x</a>'
    ),
    "link to data": '<a MADE href="data:text/html,<script>opener.HIT</script>">x</a>',
    "link to another script": '<a MADE href="vbscript:HIT">x</a>',
    "address": "javascript:HIT//https://example.org/",
    "address of data": "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    # encoded
    "entities": "&lt;script&gt;HIT&lt;/script&gt;&lt;img MADE src=x onerror=HIT&gt;",
    "numbers": "&#60;img MADE src=x onerror=HIT&#62; &#x3c;img MADE src=x onerror=HIT&#x3e",
    "percent": "%3Cimg%20MADE%20src%3Dx%20onerror%3DHIT%3E",
    "escapes": "\\u003cimg MADE src=x onerror=HIT\\u003e \\x3cscript\\x3eHIT\\x3c/script\\x3e",
    "wide": "\uff1cimg MADE src=x onerror=HIT\uff1e",
    "seven bits": "+ADw-script+AD4-HIT+ADw-/script+AD4-",
    # Markdown and formulas
    "Markdown link": "[x](javascript:HIT) [y](<javascript:HIT>) [z]: javascript:HIT",
    "Markdown picture": "![x](URL) [![y](URL)](URL) ![z][w]\n\n[w]: URL",
    "Markdown block": (
        "x\n\n<div MADE onclick=HIT>\n\n```\n</div>\n~~~\n<img MADE src=x onerror=HIT>\n# x\n> y\n-"
        " z\n| a |\n|---|"
    ),
    "autolink": "<javascript:HIT> <URL> www.beacon.invalid mailto:a@beacon.invalid",
    "formula link": (
        "$\\href{javascript:HIT}{x}$ $$\\href{URL}{y}$$ \\(\\href{javascript:HIT}{z}\\)"
        " \\[\\href{URL}{w}\\]"
    ),
    "formula look": (
        "$\\class{made}{x}$ $\\cssId{made}{x}$ $\\style{position:fixed;background:url(URL)}{x}$"
        " $\\rule{99em}{99em}$"
    ),
    "formula environment": (
        "\\begin{equation}\\require{html}\\unicode{x41}\\href{URL}{x}\\end{equation}"
        " \\begin{align}a&b\\end{align}"
    ),
    # programs and templates
    "string": "';HIT;//\";HIT;//`;HIT;//${HIT}\\';HIT;//",
    "template words": "{{constructor.constructor('HIT')()}} ${HIT} <%= HIT %> #{HIT} {%- raw -%}",
    "line ends": "x\u2028HIT\u2029HIT\x85HIT\rHIT",
    "keys": '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    # what cannot be seen
    "direction": "\u202egnp.exe\u2066\u202d\u2069\u200f",
    "nothing to see": "ad\u200bmin\u2060 \ufeff\u00ad\u180e\U000e0041",
    "terminal": "\x1b[2J\x1b[31mred\x1b[0m \x1b]8;;URL\x07x\x1b]8;;\x07 \x9b31m\x07\x08",
    # Jupyter
    "kept view": (
        '<div MADE class="sk-kept jp-OutputArea-child" data-kept="inbox" data-sk-view="run"'
        ' data-approval="x">x</div>'
    ),
    "command": (
        '<button MADE data-commandlinker-command="notebook:run-all-cells"'
        ' data-commandlinker-args="{}">Approve</button>'
    ),
    "cell": (
        '<div MADE class="jp-Cell jp-mod-active jp-Dialog" style="position:fixed;inset:0"'
        " contenteditable>x</div>"
    ),
    "widget": '{"application/vnd.jupyter.widget-view+json":{"version_major":2,"model_id":"x"}}',
    "widget script": (
        '<script MADE type="application/vnd.jupyter.widget-state+json">{"state":{}}</script>'
    ),
    "magic": "%%javascript\nHIT\n%%html\n<img MADE src=x onerror=HIT>",
}
KEYS = (
    "__proto__",
    "constructor",
    "prototype",
    "hasOwnProperty",
    "toString",
    "__defineGetter__",
    "valueOf",
    "",
)
"""Names that are something else in JavaScript."""
HITS = """
window.hits = [];
window.hit = (mark) => { window.hits.push(mark); };
window.alert = window.prompt = window.confirm = (text) => { window.hits.push(`alert ${text}`); };
void 0;
"""
# Everything in sight once: folds opened, lists scrolled through, citations turned, texts edited,
# the mouse over each element.
WALK = """async (within) => {
    const seen = {};
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const look = (root, name) => {
        seen[name] ??= {};
        for (const mark of root.textContent.match(/fam[0-9]{2}/g) ?? []) seen[name][mark] = 1;
    };
    for (const root of document.querySelectorAll(within)) {
        const name = root.dataset.skView ?? root.getAttribute('aria-label') ?? root.className;
        for (const one of root.querySelectorAll('details')) one.open = true;
        for (const one of root.querySelectorAll('button'))
            if (/^(Edit|[0-9,]+ more kinds?)$/.test(one.textContent) && one.checkVisibility()) one.click();
        await frame();
        look(root, name);
        for (const list of root.querySelectorAll('.sk-virtual')) {
            for (let top = 0; top < list.scrollHeight; top += Math.max(48, list.clientHeight - 48)) {
                list.scrollTop = top;
                await frame();
                look(root, name);
            }
        }
        const next = root.querySelector('[aria-label="Next citation"]');
        for (let i = 0; next && i < 120; i++) {
            next.click();
            look(root, name);
        }
        for (const one of root.querySelectorAll('*')) {
            one.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
            if (one.tabIndex >= 0) one.focus({ preventScroll: true });
        }
        await frame();
    }
    return Object.fromEntries(Object.entries(seen).map(([name, marks]) => [name, Object.keys(marks)]));
}"""
MADE = """() => {
    const names = ['href', 'xlink:href', 'action', 'formaction', 'src', 'data'];
    const bare = (one, name) => (one.getAttribute(name) ?? '').replace(/[\x00-\x20]/g, '');
    const runs = (one) => names.some((name) => /^(javascript|vbscript|data:text)/i.test(bare(one, name)));
    const bad = [...document.querySelectorAll('a, form, button, iframe, object, embed, input')].filter(runs);
    const formulas = [...document.querySelectorAll('.jp-RenderedHTML mjx-container, .sk mjx-container, .sk-root mjx-container')];
    return {
        made: [...document.querySelectorAll('.made, #made, [data-commandlinker-command].made')].map((one) => one.outerHTML.slice(0, 200)),
        links: bad.map((one) => one.outerHTML.slice(0, 200)),
        formulas: formulas.map((one) => one.parentElement.textContent.slice(0, 120)),
        polluted: [({}).polluted, Object.prototype.by, Object.prototype.text].filter((one) => one !== undefined),
    };
}"""


def mark(place: int) -> str:
    """Returns what the text at a place can be known by."""
    return f"fam{place:02}"


def texts() -> list[str]:
    """Returns all texts."""
    made = []
    for place, form in enumerate(FORMS.values()):
        own = mark(place)
        form = (
            form.replace("HIT", f"hit('{own}')")
            .replace("URL", f"https://beacon.invalid/{own}")
            .replace("MADE", "class=made")
        )
        made.append(f"{form} {own}")
    return made


@dataclass
class Watched:
    """A page in which nothing may happen.

    Args:
        context: Playwright's context; everything that its pages ask for goes through here.
        home: The beginning of the addresses that may be asked for.
    """

    context: Any
    home: str
    left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.add_init_script(HITS)
        for page in self.context.pages:
            page.evaluate(HITS)
        self.context.route(lambda url: self._leaves(url), self._catch)

    def _leaves(self, url: str) -> bool:
        return "beacon" in url or not url.startswith((self.home, "blob:", "data:", "about:"))

    def _catch(self, route: Any) -> None:
        self.left.append(route.request.url)
        route.abort()

    def happened(self, page: Any) -> dict[str, Any]:
        """Returns what happened that must not; empty when nothing did."""
        page.wait_for_timeout(300)
        found: dict[str, Any] = page.evaluate(MADE)
        found |= {"hits": page.evaluate("() => window.hits"), "left": self.left}
        return {what: those for what, those in found.items() if those}


def write_texts(folder: Path) -> None:
    """Writes the texts, and the keys, for a notebook to read; and a folder of files that are called
    so and say so.
    """
    (folder / "texts.json").write_text(json.dumps({"texts": texts(), "keys": KEYS}))
    files = folder / "files"
    files.mkdir(exist_ok=True)
    for place, text in enumerate(texts()):
        name = (
            text.replace("/", "\u2215")
            .replace("\0", "")
            .encode("utf-8")[:180]
            .decode("utf-8", "ignore")
        )
        body = (
            f"# {text}\n\nThe zorblax of valley {place} weighs {place + 10} kilograms, says"
            f" {text}\n\n{text}\n"
        )
        (files / f"{place:02} {name}.md").write_text(body, encoding="utf-8")
