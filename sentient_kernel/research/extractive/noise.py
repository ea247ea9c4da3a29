"""What in a text is no statement: legal boilerplate, listings, menus, addresses, references.

Pure; by rule. What is left out here can answer nothing, so only plain cases are. A question about
one of these kinds ("Under which licence ...", "Which command ...") excuses it: :func:`excused`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from sentient_kernel.text.words import STOP

Kind = Literal[
    "",
    "order",
    "legal",
    "reference",
    "address",
    "navigation",
    "code",
    "transcript",
    "figures",
    "fragment",
]

NEVER: frozenset[Kind] = frozenset(("order", "legal", "reference", "navigation", "transcript"))
"""Kinds that are no evidence, not even where there is nothing else."""
SHORTEST, LONGEST = 20, 4_000
"""A statement has so many characters at least; a longer "sentence" is a table or code."""
_PLAIN = re.compile(r"(?<![\w.(\[/-])[A-Za-z']+(?![\w(\[/=])")
_SIGN, _FIGURE = re.compile(r"[\W\d_]"), re.compile(r"[\d()\[\]%]")
_WORD = re.compile(
    r"(?<![^\W_])(?<![^\W_]['\u2019])[^\W\d_]{2,}(?![^\W_]|['\u2019][^\W\d_]|[.,][0-9])"
)
"""A word of two letters or more."""
MENU = 12
"""What leads around a site has so many words at most."""
FEW = 6
"""Words that make a statement of a sentence with an address or tags in it."""
PROSE = 4
"""Words that make a statement of a sentence full of figures."""

_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\s+(?:all\s+|any\s+)?(?:of\s+)?"
    r"(?:the\s+|your\s+|these\s+|my\s+)?(?:previous|prior|above|earlier|preceding|system)\s+"
    r"(?:instruction|prompt|message|direction|rule|command)",
    re.I,
)
"""What only whoever wants to give a model orders writes."""
_LEGAL = re.compile(
    r"(?<![^\W\d_])\u00a9|\bcopyright (?:\(c\)|holders?|owners?|\d{4}|by\b)|\ball rights reserved\b"
    r"|\babove copyright notice\b|^.{0,40}\blicen[cs]ed under\b|\bSPDX-|\bcc[-"
    r" ]by\b|\blicen[cs]e: ?\S"
    r"|\bunder (?:the )?terms of (?:the |this |either )?"
    r"(?:licen|gnu|gpl|apache|mit|bsd|creative|cc)"
    r"|\bpermission (?:is hereby granted|to use, copy)"
    r"|\bredistributions? (?:and use|of source|in binary)\b"
    r"|\bredistribute (?:it|this|and)\b|\bprovided [\"\u201c']{0,2}as[- ]is\b"
    r"|\bwithout (?:any )?warranty\b|\bwarrant(?:y|ies) of (?:merch|fitness|any)|\bin no event"
    r" (?:shall|will)\b"
    r"|\bliable (?:for|to) any\b|\bterms (?:of (?:use|service)|and conditions)\b"
    r"|\bprivacy policy\b|\bopen[- ]access article\b|\bcreative commons\b"
    r"|\blicen[cs]e (?:agreement|terms|file|notice|text)\b|\b(?:registered )?trademarks? of\b"
    r"|\byou should have received a copy\b|\b(?:may|must) not be (?:reproduced|reprinted)\b"
    r"|\b(?:no|any) part of (?:this|the)\b.{0,60}\bbe (?:reproduced|reprinted|copied)\b"
    r"|\breprint(?:ing|s)? (?:is |are )?(?:prohibited|forbidden|permitted)|\bISSN:? ?\d"
    r"|^(?:(?:self-)?published|printed|edited|distributed|typeset) by [^,;]{1,80}$"
    r"|\bis in the public domain\b|\bcookie (?:settings|policy)\b|^imprint\b|\bregistered trade"
    r" ?mark"
    r"|\balle rechte vorbehalten\b|\bnachdruck\b.{0,60}\b(?:verboten|untersagt|genehmigung)"
    r"|^(?:gerichtsstand|impressum|haftungsausschluss|datenschutz)\b|\btous droits réservés\b"
    r"|\b(?:todos los derechos reservados|tutti i diritti riservati|todos os direitos reservados)\b"
    r"|\bdeclare (?:that )?(?:they have |there (?:is|are) )?no (?:competing|conflicts?)",
    re.I,
)
_LAW = re.compile("WARRANT|LIAB|DAMAGES|COPYRIGHT|LICEN|DISCLAIM|AUTHORS")
_LEGAL_HINTS = tuple(
    """\u00a9|copyright|rights reserved|licen|spdx|cc-by|cc by|permission|redistribut|as-is|as is
    |warrant|in no event|liable|terms of|terms and|privacy policy|open-access|open access
    |creative commons|trademark|received a copy|declare|reproduced|reprint|issn|shed by
    |nted by|ted by|typeset by|public domain|cookie|imprint|trade mark
    |vorbehalten|nachdruck|gerichtsstand|impressum
    |haftungsaus|datenschutz|droits|derechos|diritti|direitos""".replace("\n    ", "").split("|")
)
"""Looked for first: most sentences have none, and patterns take thirty times as long."""
_REFERENCE = re.compile(
    r"(?:\b(?:19|20)\d\d[a-z]?; ?\d{1,4}(?:\(\d{1,4}\))?: ?[eS]?\d|\bdoi\b|\bDOI\b)(?=.{0,60}$)"
    r"|\bPMID\b|\bISBN\b|\barXiv:\d|^Accessed \w|\bRetrieved (?:from|on) |^SHA: |^Authors?: "
    r"|^See also: |^See (?:more|the|below|above)\b(?:[^.]|\.\w){0,80}\.?$"
)
_WORK = re.compile(
    r"(?:\[?\d{1,3}[.\])] ?)?(?:[A-Z\u00c0-\u00dd][\w'\u2019-]{1,30} [A-Z]{1,3}"
    r"(?:,? et al\b|(?:, [A-Z\u00c0-\u00dd][\w'\u2019-]{1,30} [A-Z]{1,3}){1,30}(?:\.|,? et al\b))"
    r"|[A-Z\u00c0-\u00dd][\w'\u2019-]{1,30}, (?:[A-Z]\. ?){1,3}(?:,? ?(?:&|and|et al)|,"
    r" ?[A-Z\u00c0-\u00dd]|\())"
)
"""How an entry of a list of works begins: "Drake C, et al." or "Doe, J. (2010)"."""
lists_works = re.compile(
    r"[#=*\s\d.]{0,8}(?:references?|bibliography|works cited|literature(?: cited)?|further reading"
    r"|literatur(?:verzeichnis|hinweise)?|quellen(?:verzeichnis)?|références|bibliographie"
    r"|bibliografía|referencias|bibliografia)[:*=\s]{0,8}",
    re.I,
).fullmatch
"""Tells whether a heading stands over a list of works: what follows are their titles."""
_PROMPT = re.compile(
    r"(?m)^[ \t]*(?:[\w.-]{1,40}@[\w.-]{1,40}:\S{0,60}[$#] |[$%] \S|[\w.-]{1,30}[$#] \S|PS"
    r" [A-Z]:\\|[A-Z]:\\[^\n>]{0,80}>)"
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\b[\w.+-]{1,40}@[\w.-]{1,60}\.\w+|https?:\S*", re.I)
_REFERENCE_HINTS = (
    "doi",
    ";",
    "pmid",
    "isbn",
    "arxiv",
    "access",
    "retrieved",
    "sha:",
    "author",
    "see",
)
_ADDRESS_HINTS = ("@", "http", "www.", "tel", "fax", "mail", "phone")
_CONTACT = re.compile(r"\b(?:tel|fax|phone|e-?mail)\.?:", re.I)
_NAVIGATION = re.compile(
    r"^(?:skip to (?:main )?content|table of contents|back to top|on this page|quick search"
    r"|read more|click here|edit this page|page \d+ of \d+|(?:sign in|sign up|log ?in|subscribe)(?:"
    r" \S+){0,3}$"
    r"|share (?:this|on)|(?:previous|next) (?:topic|page)|this page was last"
    r"|last (?:updated|modified)|created (?:using|with)|powered by)\b"
    r"|\b(?:we|site|website) uses? cookies\b|\baccept (?:all )?cookies\b"
    r"|\benable javascript\b|\bbrowser does not support\b",
    re.I,
)
_MENU = re.compile(
    r"^[^|\u00bb\u203a>.]{1,40}(?: (?:[|\u00bb\u203a]|-?>) [^|\u00bb\u203a>.]{1,40}){2,}$"
)
_LISTING = re.compile(
    r"```|>>>|# doctest|^\w*(?:Error|Warning): |#include\b|\bfrom \w[\w.]* import\b"
    r"|\bdef \w+\(|\w\(.{0,80}\) as \w+:|\bexcept \w[\w.]*:"
    r"|(?:^|\n)[ \t]*(?:[$%] \S|[\w.-]{1,40}@[\w.-]{1,40}:\S{0,60}[$#] |\w{1,30}=[#>] "
    r"|(?:sqlite|mysql|ftp|gdb)> ?\S|In \[\d{0,4}\]: )"
    r"|\"[\w-]{1,40}\" ?: ?[\"\[{\d]"
    r"|(?:^|\s)\*{0,2}\w+ ?: (?:\{|(?:array-like|bool|callable|dict|float|int|list|object|optional"
    r"|scalar|sequence|str)\b)"
)
"""What no sentence has."""
_TECHNICAL = re.compile(
    r"[`#$@%\"=<>{}\[]| : |\) as |[a-z]\.[a-z]\w*\(|(?:Error|Warning): "
    r"|\b(?:SELECT|INSERT|CREATE|UPDATE|def|except|import)\b"
)
_SIGNS = re.compile(
    r"\w = (?:await )?[A-Za-z_][\w.]*\(|[;{}]\s*$|[;{}]\s*\n|\)\s*\{|=> ?[{(\w]|\[-{1,2}[\w<]"
    r"|(?:^|\s)--?[a-z][\w-]*[ =]\S+ --?[a-z]"
    r"|\b(?:SELECT|INSERT INTO|CREATE TABLE|UPDATE)\b[^.]{1,200}\b(?:FROM|VALUES|SET)\b"
    r"|\b\w{1,60}\([^()]{0,80}\)\s+\w{1,60}\.\w{1,60}\("
)
"""What sentences about programs have too; a listing has hardly a word that only joins."""
_TAG = re.compile(r"</?[a-z][\w-]{0,20}(?:\s[^<>]{0,80})?>")
_COMMAND = re.compile(
    r"\s*(?:[$%] )?(?:sudo|apt-get|pip|npm|git|cd|curl) [a-z-]+(?: \S+){0,8}(?<![.!?])\s*$"
)
_JOINING = STOP - frozenset(
    "for if while do in and or not is as with from where i a use to by on".split()
)
"""Words that only join, without those of programming languages; two of them make a sentence."""

_EXCUSED: tuple[tuple[Kind, str], ...] = (
    (
        "legal",
        r"\blicen[cs]|\bcopyright|\bwarrant|\bliab|\blegal|\bpermi(?:t|ssion)|\bredistribut"
        r"|\bterms\b|\btrademark|\bdisclaim|\bconflicts? of|\bpublished by|\bpublishe[rs]|\bwho"
        r" published"
        r"|\brechte\b|\bgerichtsstand|\breproduc",
    ),
    (
        "code",
        r"\b(?:commands?|code|syntax|examples?|snippets?|options?|flags?|listings?|shell"
        r"|type in)\b",
    ),
    (
        "address",
        r"\b(?:urls?|uri|links?|address(?:es)?|website|web ?page|homepage|site|e-?mail|mail|contact"
        r"|phone|fax|repository|download\w*)\b",
    ),
    (
        "reference",
        r"\b(?:doi|isbn|pmid|references?|bibliograph\w+|cited?|citations?|published in|journals?"
        r"|authors?|papers?)\b",
    ),
)
"""What a question about one of these kinds has."""


def noise(text: str) -> Kind:
    """Returns what kind of no statement a stretch is; empty for a statement.

    Example:
        >>> noise("Mortality was 4.5% (95% CI 3.1-6.2) vs 9.1%.")
        ''
        >>> noise("Permission is hereby granted to any person."), noise("$ pip install beekeeping")
        ('legal', 'code')
    """
    wide = 0 if text.isascii() else sum(char > "\u3040" for char in text)
    if len(text) > LONGEST or len(text) + wide < SHORTEST:
        return "fragment"
    low = text.lower()
    if _ORDER.search(text):
        return "order"
    if any(map(low.__contains__, _LEGAL_HINTS)) and _LEGAL.search(text):
        return "legal"
    if len(text) > 80 and text.upper() == text and _LAW.search(text):  # as disclaimers are
        return "legal"
    if _WORK.match(text):
        return "reference"
    if any(map(low.__contains__, _REFERENCE_HINTS)) and _REFERENCE.search(text):
        return "reference"
    if _MENU.match(text) or (len(text.split()) <= MENU and _NAVIGATION.search(text)):
        return "navigation"
    if any(map(low.__contains__, _ADDRESS_HINTS)):
        left, count = _ADDRESS.subn(" ", text)
        if _CONTACT.search(text) or (count and len(_WORD.findall(left)) < FEW):
            return "address"
    if _TECHNICAL.search(text) and _listed(text):
        return "code"
    if _COMMAND.match(text) and not _joining(text):
        return "code"
    signs = len(_SIGN.findall(text)) - text.count(" ")
    # Where some words stand, figures, brackets and per cent count like them: results are told so.
    if signs > 0.3 * len(text) and len(_WORD.findall(text)) >= PROSE:
        signs -= len(_FIGURE.findall(text))
    return "figures" if signs > 0.3 * len(text) else ""


def transcripts(text: str) -> Iterator[tuple[int, int]]:
    """Yields where what a shell was told and answered stands, from a prompt to an empty line."""
    at = 0
    while match := _PROMPT.search(text, at):
        end = text.find("\n\n", match.end())
        at = len(text) if end < 0 else end
        yield match.start(), at


def _listed(text: str) -> bool:
    """Tells whether a stretch is a listing.

    It has what no sentence has, or signs of a program and no sentence, or little but tags.
    """
    if _LISTING.search(text) or (_SIGNS.search(text) and _joining(text) < 2):
        return True
    left, tags = _TAG.subn(" ", text)
    return tags > 0 and len(_WORD.findall(left)) < FEW


def noisy(text: str, about: frozenset[Kind] = frozenset()) -> bool:
    """Tells whether a stretch is no statement.

    Args:
        text: The stretch.
        about: Kinds that the question is about: see :func:`excused`.
    """
    return noise(text) not in {"", *about}


def excused(question: str) -> frozenset[Kind]:
    """Returns the kinds of noise that a question is about, so that they are an answer to it.

    Example:
        >>> excused("Under which licence is it published?"), excused("How far do bees fly?")
        (frozenset({'legal'}), frozenset())
    """
    return frozenset([kind for kind, sign in _EXCUSED if re.search(sign, question[:LONGEST], re.I)])


def _joining(text: str) -> int:
    """Returns how many words of a text only join others."""
    return sum(map(_JOINING.__contains__, map(str.lower, _PLAIN.findall(text))))
