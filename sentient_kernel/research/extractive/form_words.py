"""The words by which a request says how it wants its answer: data for ``form``.

English first; German, French, Spanish, and a little Italian and Portuguese, for the plain cases.
"""

from __future__ import annotations

import re


def _any(listed: str) -> str:
    """Returns a pattern for any of the words or patterns that are listed, set apart by bars."""
    return "(?:" + "|".join(piece.strip() for piece in listed.split("|")) + ")"


def _compiled(listed: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(text, re.I) for text in listed)


_LANGUAGES = """english german french spanish italian portuguese dutch polish russian chinese
    japanese korean turkish arabic deutsch deutscher englisch englischer französisch spanisch
    italienisch français anglais allemand espagnol italien español inglés alemán francés italiano
    inglese tedesco portugués português inglês alemão"""

ASKING = _any("""what|who|whom|whose|when|where|why|which|how|whether|if|wie|was|wer|wo|wann|warum
    |welche[rsn]?|ob|quand|comment|pourquoi|combien|quel(?:le)?s?|qui|où|si|cuándo|cómo|dónde
    |quién(?:es)?|cuál(?:es)?|qué|cuánt[oa]s?""")
"""Words that a question begins with."""

LABEL = re.compile(
    r"(?:(?:quick |short |next )?question|frage|pregunta|domanda|q|eli5|tl;?dr)\.?\s?\d{0,3}"
    r"[.:)]\s+"
    r"|[(\[]?(?:\d{1,3}|[a-z]|[ivx]{1,4})[)\]]\s+|#?\d{1,3}[.:/]\s+|#\d{1,3}\s+|[-*\u2022]\s+"
    r"|tl;?dr (?:of|on)\s+|eli5\s+",
    re.I,
)
"""A list number, a bullet or "Q3:" before a question."""

_WELCOME = _any(
    """hi|hello|hey|dear (?:all|team|sir|madam)|good (?:morning|afternoon|evening|day)|greetings
    |hallo|guten (?:tag|morgen|abend)|bonjour|salut|hola|buenos d[ií]as|ciao|buongiorno|olá"""
)
GREETING = re.compile(rf"{_WELCOME}(?: there| all| everyone| team)?\s*[,!.:]+\s*", re.I)
PARTING = re.compile(
    r"(?i:(?:(?:many|best|kind|with) ){0,3}(?:thanks|thank you|regards|cheers|greetings))[,!.]*"
    r"(?: [A-Z]\w*){0,2}[.!]?$"
)
ROLE = re.compile(
    r"(?:i am|i['’]m|we are|we['’]re) an? (?:[\w-]{1,20} ){0,2}"
    r"(?!(?:smok|drink|us|carri|sleep)er|patient)"
    r"[\w-]{0,20}(?:er|or|ist|ian|ant|ent|nurse|m[ae]n|parent|novice|layperson|owner)s?[.!]$|"
    r"(?:act|behave) (?:as|like) |(?:imagine|pretend)(?: that)? you "
    r"|you(?: are|['’]re) (?:an?|the|my) "
    r"(?:\w+ ){0,3}(?:assistant|expert|scientist|researcher|teacher|professor|analyst|journalist|ai"
    r"|chatbot|librarian|tutor|writer)\b",
    re.I,
)
"""What a model is told to be, or who asks: no question is about that when another one follows."""

_PLEASE = _any("please|kindly|bitte|por favor|per favore|s['’]il (?:te|vous) pla[iî]t")
_DET = _any("an?|the|one|some|any|me an?|ein(?:en|e)?|einer|une?|una?|um|uma")
_SIZED = r"(?:words?|pages?|sentences?|paragraphs?|lines?)"
_HOW = r"(?:(?:very|really|quite) )?" + _any(
    rf"""\d{{1,4}}[- ]?{_SIZED}|(?:one|two|three|single)[- ]{_SIZED}|bullet(?:ed)?|numbered
    |literature|executive|in-depth|high-level|written|structured|short|brief|concise|quick|long
    |longer|detailed
    |thorough|complete|comprehensive|simple|clear|plain|good|main|key|general|basic|small|little
    |kurze[nrs]?|knappe[nrs]?|ausführliche[nrs]?|court|courte|bref|brève|breve|corto|corta|pequeño
    |detallado|curto"""
)
_PIECE = _any(
    """report|summary|overview|essay|paragraph|article|notes?|introduction|explanation|description
    |outline|review|brief|briefing|memo|text|abstract|synopsis|account|list|table|answer
    |reports|summaries|paragraphs|sentences|e-?mails?|letters?|memos|messages?|(?:blog )?posts?
    |tweets?|threads?|slides?|presentations?|speech|press release|newsletters?|faqs?|poem|story
    |hand-?outs?|(?:cheat|fact)[ -]?sheets?|bullet[- ]points?|bullets
    |information|info|details|bericht|überblick|übersicht|zusammenfassung|aufsatz|artikel|liste
    |tabelle|einführung|rapport|résumé|texte|aperçu|essai|synthèse|tableau|informe|resumen|texto
    |ensayo|artículo|reporte|tabla|lista|rapporto|riassunto|testo|relatório|resumo"""
)
_AMOUNT = _any(
    r"""(?:(?:about|around|exactly|at most|up to) )?(?:two|three|four|five|six|seven|eight|ten
    |\d{1,3})|several|a few|a couple of|zwei|drei|vier|fünf|deux|trois|dos|tres"""
)
_READER = _any(
    r"""me|us|(?:an?|the|my|our|your) (?:[\w-]{1,20} )?(?:boss|manager|team|students?|class|children
    |child|kids?|colleagues?|customers?|clients?|readers?|friends?|professor|teacher|supervisor
    |grandm(?:a|other)|parents?|mayor|beginners?|layman|laypersons?|public|press|board|council
    |editor|neighbou?rs?|five[- ]year[- ]old)"""
)
_TO = rf"(?: (?:to|for) {_READER})?"
_SAYING = _any(
    """(?:that |which )?(?:explain|describ|summari[sz]|discuss|outlin|cover|list)(?:s|es|ing)"""
)
_ON = _any(
    """about|on|of|for|regarding|concerning|über|zu|zum|zur|von|vom|sur|de|du|des|d['’]|sobre|del
    |acerca de|su|di|del|der"""
)
_DOCUMENTS = (
    r"(?:(?:only|just) )?(?:"
    + _any("the|these|those|my|our|your|all|given|provided|attached|available|above|following")
    + " ){1,4}"
    + _any("""documents?|sources?|papers?|files?|texts?|literature|articles?|notes?|studies|evidence
        |context|material|data""")
)
_MAKE = _any(
    """write|give|make|create|prepare|provide|produce|draft|compose|compile|generate|present
    |i (?:need|want)|i would like|i['’]d like|schreib(?:e|en sie)?|gib|geben sie|erstelle
    |mach(?:e|en sie)?|verfasse|écri(?:s|vez)|rédige[zr]?|donne[zr]?|fai(?:s|tes)|escrib[ea]|haz
    |dame|redact[ea]|elabor[ea]|scriv[ai]|fammi|escreva|faça"""
)
_ME = r"(?:[ -](?:me|us|mir|uns|moi|nous))?"
_TELL = _any(
    """tell (?:me|us)|show (?:me|us)|teach (?:me|us)|explain|describe|discuss|outline|summari[sz]e
    |find out|look up|search for|let (?:me|us) know|help (?:me|us) (?:to )?understand
    |walk (?:me|us) through|sag(?:e|en sie)?|erzähl(?:e|en sie)?|erklär(?:e|en sie)?
    |beschreib(?:e|en sie)?|zeig(?:e|en sie)?|di(?:s|tes)|explique[zr]?|décri(?:s|vez)|raconte[zr]?
    |montre[zr]?|parle[zr]?|dime|dígame|explica|explícame|explíqueme|cuéntame|háblame|muéstrame
    |nenn(?:e|en sie)?|erläutere|fasse(?:n sie)?|liste(?:n sie)?|dimmi|spiegami|parlami|diga-me
    |explique-me|fale"""
)
_KNOW = r"(?: (?:you|we|they|is|are)(?: (?:know|have|known|say|said|there|found))?)?"
_KNOWN = _any(rf"""(?:everything|all|anything|something|what)(?: that)?{_KNOW} (?:about|on)
    |(?:the )?(?:(?:main|key|current|latest) )?(?:findings?|evidence|literature|research|results
    |facts|knowledge|points) (?:about|on|regarding)
    |etwas|alles|about|über|von|sur|sobre|de la|de|del|di""")
_SOME = "the|all|some|every|any|several|two|three|four|five|six|seven|eight|nine|ten|\\d{1,3}"

_TRADE = (
    r"(?!(?:smok|drink|us|carri|sleep)er|patient|solvent|agent|component)"
    r"[\w-]{0,20}(?:er|or|ist|ian|ant|ent|nurse|m[ae]n|parent|novice|layperson|pharmacist|owner)s?"
)
"""What somebody is by trade, who says so before asking."""

COURTESY = _compiled(
    (
        rf"{_PLEASE}[,:]?\s+",
        r"(?:briefly|concisely|shortly|kurz|brièvement|brevemente)[,:]?\s+"
        rf"(?={_TELL}\b|{_MAKE}\b|list\b)",
        r"(?:can|could|would|will|may) (?:you|i|we)(?: (?:please|kindly|perhaps|maybe))?"
        rf"(?: be so kind as to)?\s+(?={_TELL}\b|{_MAKE}\b|(?:ask|know|list|name)\b)",
        r"(?:may|can|could) i ask(?: you)?[,:]?\s+",
        r"(?:can|could) (?:you|anyone|somebody) (?:please )?help(?: me| us)?(?: out)?"
        r"(?: with (?:this|that|the following))?\s*[:,]\s*",
        r"(?:i|we)(?:['’]?d| would| do)?(?: really)? (?:like|love|want|need|wish) (?:you )?to "
        r"(?:know|understand|learn|hear|see|find out|ask)(?: more)?(?: about)?[,:]?\s+",
        r"(?:i am|i['’]m|i was|we are|we['’]re) (?:wondering|curious(?: about)?|interested in"
        r"|looking for|trying to find out)[,:]?\s+",
        r"i wonder(?:ed)?[,:]?\s+",
        r"(?:do|does) (?:you|anyone|anybody|someone) (?:happen to )?know\s+",
        r"(?:any idea|(?:here is )?my question is|here is my question)[,:]?\s+",
        r"what (?:do|can|could) (?:you|we) (?:know|tell|say|find)(?: me| us)? (?:about|on)\s+",
        r"what is known (?:about|on|of)\s+",
        rf"what (?:do|does|did) {_DOCUMENTS} "
        r"(?:say|tell us|tell me|state|report|write|conclude|show)(?: (?:about|on|regarding))?\s+",
        rf"(?:according to|based on|using|from|in|going by) {_DOCUMENTS}\s*[,:]\s*",
        r"(?:kannst|könntest|würdest|können|könnten|würden) (?:du|sie)(?: (?:mir|uns))?(?: bitte)? "
        r"(?:sagen|erklären|erzählen|beschreiben|zeigen),?\s+",
        r"(?:ich|wir) (?:möchten?|will|wollen|würden? gerne?)(?: gerne?)? wissen,?\s+",
        r"(?:weißt du|wissen sie),?\s+|was (?:weißt du|wissen sie) über\s+",
        r"(?:peux-tu|pouvez-vous|pourriez-vous|pourrais-tu)(?: (?:me|nous))? "
        r"(?:dire|expliquer|décrire|montrer)\s+",
        r"(?:je (?:voudrais|veux|souhaite|souhaiterais|aimerais)|j['’]aimerais) savoir\s+",
        r"que (?:sais-tu|savez-vous) (?:de|sur)\s+|¿?qué sabes (?:de|sobre)\s+",
        r"¿?(?:puedes|podrías|puede|podría) (?:decirme|explicarme|explicar|describir|contarme)\s+",
        r"(?:quiero|quisiera|me gustaría) saber\s+|puoi dirmi\s+|vorrei sapere\s+",
        r"(?:gostaria de|quero) saber\s+|você pode me dizer\s+",
        rf"(?:in a nutshell|in short|in brief|briefly|quickly|simply|just)[,:]?\s+(?={ASKING}\b)",
        r"what (?:should|do|does|must|can|would) (?:i|we|one|you|people|everyone|anyone|an?"
        r" [\w-]{1,20})"
        r"(?: (?:need|have|want|ought) to)? (?:know|learn|understand|remember|consider|keep in"
        r" mind)"
        r" (?:about|on|of|when it comes to)\s+",
        (
            r"as an? (?:[\w-]{1,20}"
            rf" ){{0,2}}{_TRADE},\s+(?=[^.?!]{{0,200}}\b(?:i|we|me|us|my|our)\b)"
        ),
        rf"(?:i am|i['’]m|we are|we['’]re) (?:an? )?(?:[\w-]{{1,20}} ){{0,2}}{_TRADE}(?:,? and |, )"
        r"(?=(?:i|we|want|need|would|my|our|what|how|when|which|who|is|are|do|can)\b)",
        r"for (?:an?|my|our|the) (?:[\w-]{1,20}"
        r" ){0,2}(?:project|report|essay|paper|presentation|article"
        r"|class|homework|assignment|talk|meeting|newsletter|post|thesis|exam),\s+",
    )
)
"""Courtesy that a request begins with."""

MADE = _compiled(
    (
        rf"{_MAKE}{_ME}(?: {_PLEASE})?(?: {_DET}| {_AMOUNT})?(?: {_HOW}){{0,3}} {_PIECE}(?:"
        rf" {_HOW})?"
        rf"{_TO} (?:{_ON}|{_SAYING})\b\s*",
        rf"{_MAKE}{_ME}(?: {_DET}| {_AMOUNT})?(?: {_HOW}){{0,3}} (?:{_PIECE}{_TO} )?"
        r"(?=compar|contrasting)",
        rf"{_MAKE}{_ME}(?: {_HOW}| about| at most| around){{1,3}} {_ON}\b\s*",
        rf"{_MAKE}{_ME} {_KNOWN}\s+",
        rf"(?:{_DET} )?(?:{_HOW} ){{1,3}}{_PIECE} (?:about|on|of|regarding|über|zu|sur|sobre)\s+",
        r"(?:(?:a|an) )?(?:summary|overview|outline) (?:of|on)\s+",
        r"(?:write|report) (?:about|on)\s+",
    )
)
"""Orders for a piece of writing."""

TOLD = _compiled(
    (
        (
            rf"(?-i:(?!EXPLAIN\b|DESCRIBE\b)){_TELL}{_ME}{_TO}(?: {_PLEASE})?(?:[,:]?"
            rf" {_KNOWN})?[,:]?\s+"
        ),
        r"(?:quote|find|give|show)(?: me| us)? (?:the|an?|every|all)"
        r" (?:sentence|passage|line|paragraph)s?"
        r" (?:that|which|where it) (?:says?|tells?|states?|explains?|mentions?)(?: us| me)?\s+",
        rf"(?:list|name)(?: me)? (?=(?:{_SOME})\b)",
        r"define (?=(?:(?:the|an?) )?[\w-]{1,40}(?: [\w-]{1,40}){0,2}[.?!]?$)",
    )
)
"""Orders to say something."""

_COUNT = _any(
    r"""an?|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,4}|(?:a )?few|several|einem|zwei
    |drei|vier|fünf|wenigen|une?|deux|trois|quatre|cinq|una?|dos|tres|cuatro|cinco|due|tre|duas
    |três"""
)
_AT_MOST = _any(
    r"""at most|at least|no more than|not more than|less than|fewer than|under|up to|about|around
    |exactly|maximum|max\.?|maximal|höchstens"""
)
_SIZE = _any(
    """sentences?|words?|paragraphs?|bullet[- ]points?|bullets|number|figure|sätzen|satz|wörtern
    |worten|absätzen|phrases?|mots|paragraphes?|frases?|palabras|párrafos?|frasi|parole|palavras"""
)
_AUDIENCE = _any(
    """boss|manager|team|students?|class|colleagues?|customers?|clients?|readers?|kids?|children
    |friends?|professor|teacher|supervisor|grandm(?:a|other)|parents?|newsletter|blog
    |presentation"""
)
MANNER = re.compile(
    _any(rf"""(?:in|within|en|with) (?:{_AT_MOST} )?{_COUNT}(?: {_HOW})? {_SIZE}|{_PLEASE}|briefly
    |in brief|in short|concisely|kurz|brièvement|brevemente
    |in (?:(?:great(?:er)?|more|some) )?detail
    |in (?:very )?(?:simple|plain|easy|other|your own|layman['’]?s?) (?:terms|words|language
    |english)
    |(?:for|like i am|like i['’]m|as if i were) (?:an? )?(?:beginners?|laypersons?|layman|children
    |five|5|dummies)(?: years? old)?
    |thanks?(?: you)?(?: (?:very|so) much|\sa lot)?(?: in advance)?|danke(?: schön)?
    |merci(?: beaucoup|\sd['’]avance)?|(?:muchas )?gracias|grazie|obrigad[oa]
    |if (?:possible|you can)|zusammen|in a nutshell|in a few words
    |for (?:my|our) {_AUDIENCE}|(?:based on|according to) {_DOCUMENTS}"""),
    re.I,
)
"""How an answer is wanted, at the end of a request; no question is about that."""

_SHAPE = _any(
    """tables?|lists?|bullet[ -]?points?|bullets|points|keywords|json|markdown|csv|html|essay|report
    |paragraph|tabelle|liste|stichpunkten|stichworten|tableau|tabla|lista|tabella|tabela"""
)
_INTO = _any(
    """as|in|using|in (?:the )?form of|into|in einer|als|dans|sous forme de|comme|en|como|in una
    """
)
_PROOF = _any(
    """sources?|citations?|references?|quotes?|quotations?|links|footnotes|bibliography|quellen
    |quellenangaben|zitaten|références|fuentes|referencias|citas|fonti|fontes"""
)
_WITH = (
    r"(?:(?:and )?with|including|and|citing|quoting|mit|avec|con|com)"
    r"(?: (?:the|your|all|des|les|las|i))?"
)
_SIZED = rf"(?: form(?:at)?)?(?: with {_COUNT} (?:columns?|rows?))?"
LAYOUT = re.compile(
    _any(
        rf"""{_INTO} (?:{_DET} )?(?:{_HOW} )?{_SHAPE}{_SIZED}|{_WITH} {_PROOF}|step by step
        |schritt für schritt|étape par étape|paso a paso"""
    ),
    re.I,
)
"""What an answer is to look like: left out where it stands apart, or after an order.

"How do I sort rows in a table" is about one.
"""

TONGUE = re.compile(
    r"(?:in|auf|en)(?: (?:the|la|le|l['’]))? ?" + _any("|".join(_LANGUAGES.split())), re.I
)
"""The language that an answer is wanted in."""

WISH = frozenset(
    """answer answers reply respond keep be use cite quote include add provide format limit restrict
    write give please kindly thanks thank avoid present output return think hello hi hey greetings
    stick only no yes just name state specify say tell show antworte antworten antwort
    schreibe schreiben verwende nutze nenne halte fasse bitte
    danke hallo réponds répondez réponse écris écrivez utilise utilisez cite citez sois merci
    bonjour responde responda contesta escribe usa cita gracias hola rispondi risponda scrivi
    grazie escreva obrigado""".split()
)
"""A sentence that is only about form has one of these."""

FORM = WISH | frozenset(
    f"""{_LANGUAGES} language short brief briefly concise concisely clear clearly plain precise
        precisely detail detailed details simple simply long longer shorter terms sentence
        sentences word words paragraph paragraphs line lines page pages bullet bullets point
        points list lists table tables report summary essay text texts source sources citation
        citations reference references document documents paper papers file files link links
        quotes quotation quotations given provided attached available above following question
        questions number numbers figure figures one two three four five six seven eight nine ten
        first advance markdown json html csv heading headings section sections style tone formal
        academic scientific own knowledge outside anything nothing not don't do make made invent
        inventing guess guessing hallucinate speculate step steps sure maximum minimum max min
        least fewer less than around approximately claim claims statement statements fact facts
        single exact exactly value values percent percentage year date quick numeric integer
        digit digits decimal decimals unit units rounded explanation explanations reasoning
        preamble introduction commentary comment comments full complete email letter amount name
        names time day month place person all both each based according possible length need
        want like very much lot help i'd i'm it's that's let's every form way yes no mention
        kurz kurze kurzen knapp ausführlich satz sätze sätzen wort wörter wörtern worten quelle
        quellen quellenangaben tabelle liste stichpunkten dokument dokumente dokumenten mit ohne
        auf nur und in einer einem eine ein zwei drei die der den das deine deiner en avec sans
        et une un deux trois phrase phrases mots tableau brièvement bref courte s'il te vous
        plaît seulement uniquement les des le la tes vos con sin y una dos tres frase frases
        palabras fuentes tabla lista breve por favor solo documentos los las per favore fonti
        parole""".split()
)
"""Words that a sentence about nothing but form is made of, beside those that tell nothing."""

UNMET = frozenset(
    f"""{_LANGUAGES} language sentence sentences word words paragraph paragraphs page pages line
    lines bullet bullets list table tabelle liste tableau tabla json markdown html csv short brief
    briefly concise concisely simple detail detailed long longer terms step steps tone style essay
    stichpunkten satz sätzen wörtern worten phrase phrases mots frase frases palabras kurz brève
    brièvement breve""".split()
)
"""Words of wishes that sentences of the sources, as they stand, cannot follow."""
