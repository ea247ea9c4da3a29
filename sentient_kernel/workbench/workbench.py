"""The object a person holds. It builds the parts in the open, hands them to each other, and gets
out of the way.
"""

from __future__ import annotations

import functools
import getpass
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from numbers import Integral
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from sentient_kernel.budget import Budget
from sentient_kernel.commands import LONGEST_NAME
from sentient_kernel.describing import Described
from sentient_kernel.engine import Engine, Workflow, check_awaits
from sentient_kernel.env_files import project_file, user_file
from sentient_kernel.errors import ConfigurationError, NotFound, UsageError
from sentient_kernel.events import TextStreamed, UsageRecorded
from sentient_kernel.ids import ApprovalId, DocumentId, RunId
from sentient_kernel.journal.hub import Hub
from sentient_kernel.journal.texts import Texts
from sentient_kernel.notebook.cell_output import CellOutput
from sentient_kernel.notebook.interaction import someone_can_answer
from sentient_kernel.notebook.progress_line import ProgressLine
from sentient_kernel.projections.activity import Costs
from sentient_kernel.projections.drawing.table import Table, counted
from sentient_kernel.projections.drawing.views import approvals_html, errors_html
from sentient_kernel.redaction import guard_logs, hold_file, redactor
from sentient_kernel.research.library import Library, check_query
from sentient_kernel.research.model_registry import OBJECT, ModelRegistry
from sentient_kernel.research.workflow import research_workflow
from sentient_kernel.settings import Settings
from sentient_kernel.sources.base import Document, Passage, Source, SourceState
from sentient_kernel.workbench.run import Mapped, Run, map_runs
from sentient_kernel.workbench.view_source import WorkbenchViews

if TYPE_CHECKING:
    from sentient_kernel.journal.base import Journal, Verdict
    from sentient_kernel.models.base import Model
    from sentient_kernel.models.embedding import Embedder
    from sentient_kernel.projections.approvals import ApprovalView
    from sentient_kernel.projections.errors import ErrorView
    from sentient_kernel.projections.runs import RunView

KINDS = frozenset({"plan", "spend", "tool", "fetch", "effect", "question", "open", "default"})
POLICIES = frozenset({"ask", "auto", "deny"})
DEEPEST = 10
"""How deep a research may go: each depth is a round of calls, and after a few none brings anything
new.
"""


_INSIDE = frozenset(
    {"closed", "engine", "hub", "journal", "library", "models", "texts", "user", "view_source"}
)
"""What other rooms use of a workbench, and ``dir`` leaves out."""


class Workbench(Described, AbstractContextManager["Workbench"]):
    """Research and durable workflows, kept in a folder.

    A context manager; ``close()`` leaves runs under way resumable. Two of them in one kernel, or
    two kernels on one home, are fine.

    Args:
        home: The folder that keeps everything; by default ``SENTIENT_HOME``, else ``.sentient`` in
            the working directory.
        settings: Read from ``SENTIENT_*`` and ``.env`` unless given.
        model: The language model for research; None makes reports of the sources' own sentences.
        sources: Where evidence comes from: folders, files, ``"packages"``, or sources of your own.
        journal: A store of your own; by default SQLite in the home folder.
        executor: Where steps run; ``"local"`` is what there is.

    Raises:
        ConfigurationError: A setting does not fit.
        JournalUnusable: The home folder cannot be used; says why.

    Example:
        >>> import tempfile
        >>> with Workbench(tempfile.mkdtemp()) as wb:
        ...     len(wb.runs)
        0
    """

    def __init__(
        self,
        home: str | os.PathLike[str] | None = None,
        *,
        settings: Settings | None = None,
        model: Any = None,
        sources: Any = None,
        journal: Journal | None = None,
        executor: Any = None,
    ) -> None:
        guard_logs()
        redactor(thorough=True)
        self.settings = settings or Settings.load()
        self.settings.set_log_level()
        # who gives settings of their own need not have such a file in order
        with suppress(ConfigurationError):
            hold_file(user_file().values, foreign=False)
        hold_file(project_file().values, foreign=True)
        self.home = Path(home if home is not None else self.settings.home).expanduser().absolute()
        self.user = _user()
        self.closed = False
        where = executor if executor is not None else self.settings.executor
        if where != "local":
            raise ConfigurationError(
                f"The executor {where!r} is not part of this version.",
                hint="Use 'local', or leave SENTIENT_EXECUTOR out.",
            )
        self.journal: Journal = journal or open_journal(self.home, self.settings)
        self.hub = Hub(self.journal)
        self.texts = Texts()
        self.library = Library(self.home / "index.db", self.journal.blobs, self.settings)
        self.models = ModelRegistry(self._open_model, self._open_embedder)
        try:
            self._model = self.models.name(model if model is not None else self.settings.model)
            self.engine = Engine(
                self.journal, on_commit=self.hub.publish, on_text=self._stream, by=self.user
            )
        except BaseException:
            self.journal.close()
            self.library.close()
            raise
        self._research = research_workflow(self.library, self.models)
        self.engine.register(self._research)
        self.view_source = WorkbenchViews(
            self.engine, self.hub, self.texts, self.document, self.user
        )
        self._output = CellOutput(self.view_source)
        for spec in _listed(sources):
            self.add(spec)

    def _brief(self) -> str:
        return f"Workbench({self.home.name!r})"

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in _INSIDE]

    def _about(self) -> Mapping[str, Any]:
        if self.closed:
            return {"home": self.home.name, "state": "closed; open it with sk.Workbench(home)"}
        asked, costs = len(self.approvals), Costs()
        for record in self.journal.read(kinds=[UsageRecorded.KIND]):
            costs.apply(record)
        added = ", ".join(
            f"{one.name} ({counted(one.documents, 'document')})" if one.read else one.name
            for one in self.sources
        )
        return {
            "home": self.home.name,
            "model": self._model or "none: reports are made of the sources' own sentences",
            "sources": added or "none added: the documentation of the installed packages is read",
            "runs": ", ".join(
                f"{n:,} {status}" for status, n in Counter(run.status for run in self.runs).items()
            )
            or "none yet",
            "open questions": f"{counted(asked, 'question')}: wb.approvals" if asked else "none",
            "spent": costs.label or "nothing",
        }

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            f"{self!r} holds files and threads of this process and can be neither pickled nor"
            " copied.",
            hint="Pass its home and open it there: sk.Workbench(home).",
        )

    def close(self) -> None:
        """Writes what waits and lets go of every file and thread. Runs under way stay resumable.
        Safe to call twice.
        """
        if not self.closed:
            self.closed = True
            self._output.close()
            try:
                self.engine.close(self.library.disconnect)
            finally:
                self.library.close()

    # -- evidence ----------------------------------------------------------------------------------

    def add(self, source: Any, *, name: str | None = None) -> Source:
        """Adds a source of evidence.

        Args:
            source: A folder, a file, ``"packages"`` (docs of the installed distributions),
                ``"web"`` (the search engine that is set), ``"wikipedia"``, ``"arxiv"``,
                ``"openalex"``, ``"crossref"``, ``"pubmed"``, the address of a page, or an object of
                the Source protocol.
            name: What to call it; by default after where it is.

        Returns:
            The source; ``source.health`` says how it is doing.

        Raises:
            UsageError: There is no such folder or file, it is of no kind that can be read, or the
                address is one that is never asked.
            ConfigurationError: A setting that it needs is missing; says which.
        """
        self.engine.check_usable()
        return self.library.add(source, name=name)

    def search(self, query: str, *, sources: Any = None, k: int = 10) -> Table[Passage]:
        """Returns the k passages that fit a query best; while it reads what is new, the cell says
        how far it is.

        Args:
            query: Words or a question.
            sources: Sources or their names; by default those added, and where none was added,
                ``"packages"``.
            k: How many at most.

        Raises:
            UsageError: The query is empty or too long, or k is not positive.
        """
        self.engine.check_usable()
        refs = self.library.references(_listed(sources))
        with ProgressLine() as progress:
            return Table(self.library.search_now(query, refs, k, progress), Passage)

    def document(self, document: DocumentId | str) -> Document:
        """Returns a document as it stood when it was cited or read. Raises NotFound."""
        return self.library.document(DocumentId(document))

    @property
    def sources(self) -> Table[SourceState]:
        """The sources that were added, and how each stands; ``wb.sources["papers"]`` is one."""
        self.engine.check_usable()
        return Table(self.library.states(), SourceState)

    # -- runs --------------------------------------------------------------------------------------

    def research(
        self,
        question: str,
        *,
        sources: Any = None,
        model: Any = None,
        depth: int = 1,
        approve: str | dict[str, str] | None = None,
        budget: Any = None,
        name: str | None = None,
        clarify: bool = False,
    ) -> Run:
        """Researches a question in the background and returns at once.

        Args:
            question: What you want to know.
            sources: Sources or their names, as in :meth:`search`.
            model: A language model for this run, by name (``"openai:gpt-..."``) or as an object;
                None takes the workbench's own. Without any the report is made of the sources' own
                sentences.
            depth: How often at most, from 1 to 10, a model looks for gaps and searches again;
                without a model, how much each search brings.
            approve: ``"ask"``, ``"auto"``, ``"deny"``, or one of these per kind of question. Asking
                for ``"plan"`` shows the plan first. ``"auto"`` goes over a budget once a run,
                ``{"spend": "auto"}`` each time. ``"fetch"`` is about searches that a model wrote
                after it had read your own documents; ``"auto"`` sends them unseen.
            budget: What it may spend; before a call that may go over it the run asks. Research
                without a model spends nothing but time.
            name: Attaches to the run of that name and question instead of starting a second one; at
                most 200 characters.
            clarify: Whether the model may ask back, once and before it plans, what only you can
                say. The question comes with what it would assume; where it is refused the research
                goes on without.

        Returns:
            The run; ``run.result()`` is the report.

        Raises:
            UsageError: The question is empty or too long, or an argument does not fit.
            ConfigurationError: The model cannot be asked: there is no such provider, or its key or
                its package is missing.
        """
        self.engine.check_usable()
        question = check_query(question)
        _check_name(name)
        _check_research(depth, budget, clarify)
        inputs: dict[str, Any] = {
            "sources": self.library.references(_listed(sources)),
            "depth": int(depth),
        }
        if approve == "ask" or (isinstance(approve, dict) and approve.get("plan")):
            inputs["ask_plan"] = True
        inputs |= self._named(model)
        # one that is attached to may have all its answers
        if name is None or not self.journal.runs(name=name):
            self._check_askable(inputs.get("model", ""), inputs.get("embedder", ""))
        if clarify:
            if "model" not in inputs:
                raise UsageError(
                    "clarify=True needs a model.", hint="Give model='...', or leave clarify out."
                )
            inputs["clarify"] = True
        if budget is not None:
            inputs["budget"] = {k: v for k, v in asdict(budget).items() if v is not None}
        policy = _policy(approve, self.settings.approve)
        run = self.engine.start(
            self._research, (question,), inputs, name=name, approve=policy, user=self.user
        )
        return Run(self.view_source, self._output, run)

    def map(
        self, what: Any, items: Iterable[Any] | None = None, *, concurrency: int = 8
    ) -> Table[Mapped]:
        """Runs many questions, or one workflow over many items, and waits for all. One that fails
        costs only itself.

        Args:
            what: A list of questions, or a workflow.
            items: For a workflow, what it is given after its context, one run each.
            concurrency: How many runs at most at the same time.

        Returns:
            One row each, in order: item, run, status, value, error.

        Raises:
            UsageError: There is nothing to run, or an item does not fit.
        """
        if concurrency < 1:
            raise UsageError(f"concurrency must be 1 or more, not {concurrency!r}.")
        if isinstance(what, Workflow):
            begin: Callable[[Any], Run] = functools.partial(self.start, what)
            given = tuple(() if items is None else items)
        elif items is not None:
            raise UsageError(
                "items are for a workflow.",
                hint="Write wb.map(questions), or wb.map(workflow, items).",
            )
        else:
            begin, given = self.research, tuple(_listed(what))
            for question in given:  # all of them, before the first begins
                check_query(question)
        return map_runs(begin, given, concurrency)

    def start(
        self,
        workflow: Workflow[..., Any],
        /,
        *args: Any,
        name: str | None = None,
        approve: str | dict[str, str] | None = None,
        **kwargs: Any,
    ) -> Run:
        """Starts a workflow in the background and returns at once.

        Args:
            workflow: A function decorated with ``@sk.workflow``.
            args: Its arguments after the context.
            name: Attaches to the run of that name and those inputs, finished or running; a crashed
                or failed one goes on. At most 200 characters.
            approve: How its questions are answered: ``"ask"``, ``"auto"``, ``"deny"``, or one of
                these per kind of question.
            kwargs: Its keyword arguments.

        Raises:
            UsageError: It is no workflow, a call in it is not awaited, or the arguments do not fit
                it or cannot be kept.
        """
        if not isinstance(workflow, Workflow):
            raise UsageError(
                f"{getattr(workflow, '__name__', workflow)!r} is not a workflow.",
                hint="Decorate it with @sk.workflow.",
            )
        _check_name(name)
        check_awaits(workflow.fn)
        policy = _policy(approve, self.settings.approve)
        run = self.engine.start(workflow, args, kwargs, name=name, approve=policy, user=self.user)
        return Run(self.view_source, self._output, run)

    def run(self, run_id: RunId | str) -> Run:
        """Returns a stored run, from today or from last year. A beginning of its id will do where
        it fits only one. Raises NotFound.
        """
        return Run(self.view_source, self._output, self._find(str(run_id)))

    def resume(self, run_id: RunId | str) -> Run:
        """Takes up a run that crashed, failed, or was paused or cancelled. Finished steps are not
        run again.

        Raises:
            NotFound: There is no such run.
            UnknownWorkflow: Its workflow is not defined in this process.
        """
        return self.run(run_id).resume()

    def export(self, run_id: RunId | str, path: str | os.PathLike[str]) -> Path:
        """Writes a run as one file, with its child runs, their results, the documents they cite,
        and what their calls were answered.

        Args:
            run_id: Which run, or the beginning of its id. Of a child, the whole run that it is part
                of is written.
            path: The file; it is replaced.

        Returns:
            The file that was written.

        Raises:
            NotFound: There is no such run, or something that it needs is not stored any more.
            UsageError: The file cannot be written there.
        """
        from sentient_kernel.workbench.run_file import export_run

        return export_run(self.journal, self.library, self._find(str(run_id)), path)

    def open_export(self, path: str | os.PathLike[str]) -> Run:
        """Takes in a run that :meth:`export` wrote, from anybody. It keeps its id; nothing of it is
        executed, nor does it go on by itself.

        A run that has not ended is paused here. Before it goes on you are asked, once, whether it
        may, with the paths, addresses and models that it names. What was approved where it comes
        from has to be approved here again.

        Raises:
            ParseError: The file is no such file, was cut or altered, or is out of bounds. Nothing
                was taken from it.
            Refused: Another run has this id here. Nothing was changed.
            UsageError: There is no such file.
        """
        from sentient_kernel.workbench.open_run import open_export

        self.engine.check_usable()
        return Run(self.view_source, self._output, open_export(self.engine, self.library, path))

    @property
    def runs(self) -> Table[RunView]:
        """All runs of this home, oldest first."""
        return self.view_source.runs()

    @property
    def approvals(self) -> Table[ApprovalView]:
        """The questions that wait for an answer. Each can be answered here:
        ``wb.approvals[0].approve()``.
        """
        table = self.view_source.answerable(self.view_source.all().approvals.open)
        return table.with_renderer(
            lambda asked: self._output.present("inbox", None, repr(asked), approvals_html(asked))
        )

    def approval(self, approval_id: ApprovalId | str) -> ApprovalView:
        """Returns one question, answered or not. Raises NotFound."""
        return self.view_source.approval(str(approval_id))

    @property
    def errors(self) -> Table[ErrorView]:
        """What went wrong, grouped by what is the same fault."""
        table, stats, _ = self.view_source.errors()
        return table.with_renderer(
            lambda errors: self._output.present(
                "errors", None, repr(errors), errors_html(errors, stats)
            )
        )

    def decide(
        self,
        approval_id: ApprovalId | str,
        decision: str,
        *,
        payload: Any = None,
        reason: str | None = None,
        digest: str = "",
    ) -> None:
        """Answers an approval.

        Args:
            approval_id: Which one.
            decision: ``"approve"`` or ``"reject"``.
            payload: What to go ahead with instead of what was shown.
            reason: Why, in at most 2,000 characters; kept with the answer.
            digest: Where given, the answer counts only for exactly that question.

        Raises:
            AnswerRefused: Somebody was faster, it is too late, or something else is asked now.
                Nothing was recorded.
            NotFound: There is no such approval.
            ValueNotStorable: The payload cannot be kept as JSON.
            HoldsSecret: It holds the value of a known secret.
        """
        self.view_source.decide(
            approval_id, decision, payload=payload, reason=reason, digest=digest
        )

    # -- care --------------------------------------------------------------------------------------

    def doctor(self) -> dict[str, Any]:
        """Returns what there is to know of this installation: versions, SQLite, the journal's
        health, keys present (not their values).
        """
        from sentient_kernel.workbench.doctor import examine

        self.engine.check_usable()
        return examine(self.home, self.settings, self.engine)

    def verify(self) -> Verdict:
        """Checks that no row of the journal is missing or altered.

        That does not prove who wrote the rows: ``foreign`` of what is returned says how many carry
            no mark of this installation.
        """
        self.engine.check_usable()
        return self.journal.verify(full=True)

    # -- how it is built ---------------------------------------------------------------------------

    def _named(self, model: Any) -> dict[str, str]:
        """Returns the names of the model of a research and of its embedder, where there are any."""
        name = self._model if model is None else self.models.name(model)
        if not name or not self.settings.embedder:
            return {"model": name} if name else {}
        # a name that means nothing is told before anything is asked
        self.models.embedder(self.settings.embedder)
        return {"model": name, "embedder": self.settings.embedder}

    def _open_model(self, name: str) -> Model:
        """Opens a language model by its usual name; loaded and asked at its first call."""
        from sentient_kernel.models.llm import Deadlines, ModelLimits, open_model
        from sentient_kernel.models.pricing import read_prices

        limits = ModelLimits(
            deadlines=Deadlines(first=self.settings.model_timeout),
            per_minute=self.settings.model_rate,
            reasoning=self.settings.model_reasoning,
        )
        prices = read_prices(self.settings.model_prices)
        return open_model(name, self.settings, self.library.fetcher, limits=limits, prices=prices)

    def _check_askable(self, *names: str) -> None:
        """Refuses models and embedders that cannot be asked, where they may be; none are in a
        replay. Raises ConfigurationError.
        """
        from sentient_kernel.models.check import check

        if self.settings.mode != "replay" and not self.settings.offline:
            for name in names:
                if name and not name.startswith(OBJECT):
                    check(name, self.library.fetcher)

    def _open_embedder(self, name: str) -> Embedder:
        """Opens an embedder by its usual name; loaded and asked when first needed."""
        from sentient_kernel.models.embedding import Embedder
        from sentient_kernel.models.llm import Deadlines

        return Embedder(name, self.library.fetcher, Deadlines(first=self.settings.model_timeout))

    def _stream(self, run: RunId, by: str, text: str) -> None:
        """Hands a piece of text that is being written to whoever watches, and keeps it for who
        comes late.
        """
        at, shown = self.texts.add(run, redactor().text(by), text)
        if shown:
            self.hub.send(TextStreamed(text=shown, offset=at, by=redactor().text(by)), run)

    def _find(self, given: str) -> RunId:
        self.engine.check_usable()
        found = self.journal.runs(run=RunId(given))
        if given and not found:
            found = [row for row in self.journal.runs() if row.run.startswith(given)]
        if len(found) == 1:
            return found[0].run
        if found:
            raise NotFound(
                f"{given!r} matches {len(found)} runs.", hint="Use more characters of the id."
            )
        raise NotFound(
            f"There is no run {given!r} here.",
            hint="`wb.runs` or `sentient-kernel runs` lists those of this home.",
        )


def open_journal(home: Path, settings: Settings, *, readonly: bool = False) -> Journal:
    """Returns the journal of a home folder; for reading only, also one that is damaged or of a
    later version. Raises JournalError.
    """
    from sentient_kernel.journal.sqlite.store import SqliteJournal

    path = home / "journal.db"
    if settings.database_url is not None:
        if not settings.database_url.startswith("sqlite:///"):
            raise ConfigurationError(
                "SENTIENT_DATABASE_URL must begin with sqlite:///, the only store of this version.",
                hint="Use sqlite:///path, or leave it out.",
            )
        path = Path(settings.database_url.removeprefix("sqlite:///"))
    return SqliteJournal(
        path, blobs_dir=home / "blobs", durability=settings.durability, readonly=readonly
    )


def _listed(given: Any) -> Sequence[Any]:
    if given is None:
        return ()
    if isinstance(given, (str, os.PathLike)) or not isinstance(given, Iterable):
        return (given,)
    return tuple(given)


def _check_name(name: Any) -> None:
    """Refuses what cannot be the name of a run."""
    if name is not None and not (isinstance(name, str) and name.strip()):
        raise UsageError(
            f"name must be a few words, not {name!r}.",
            hint="Leave it out for a run without a name.",
        )
    if name is not None and len(name) > LONGEST_NAME:
        raise UsageError(
            f"The name of a run must have at most {LONGEST_NAME} characters, not {len(name):,}.",
            hint="Give a few words; what the run is about goes into its question or arguments.",
        )


def _check_research(depth: int, budget: Any, clarify: Any) -> None:
    """Refuses what cannot be the options of a research."""
    if isinstance(depth, bool) or not isinstance(depth, Integral) or not 1 <= depth <= DEEPEST:
        raise UsageError(f"depth must be a whole number from 1 to {DEEPEST}, not {depth!r}.")
    if budget is not None and not isinstance(budget, Budget):
        raise UsageError(
            f"budget must be an sk.Budget, not {budget!r}.",
            hint="Write sk.Budget(usd=0.50) or sk.Budget(seconds=60).",
        )
    if not isinstance(clarify, bool):
        raise UsageError(
            f"clarify must be True or False, not {clarify!r}.",
            hint="True lets the model ask back before it plans.",
        )


def _policy(approve: str | dict[str, str] | None, setting: str | None) -> dict[str, str]:
    """Returns how the questions of a run are answered; what is not said, where nobody can be asked,
    as the setting says.
    """
    policy = {"default": approve} if isinstance(approve, str) else dict(approve or {})
    if policy.get("open", "deny") not in ("ask", "deny"):
        raise UsageError(
            f"For 'open' a policy must be 'ask' or 'deny', not {policy['open']!r}: what was written"
            " elsewhere goes on here only when a person has looked at what it names.",
            hint="Leave 'open' out to be asked.",
        )
    for kind, value in policy.items():
        if kind not in KINDS or value not in POLICIES:
            raise UsageError(
                f"approve must be a policy or a dict of policies by kind, not {approve!r}.",
                hint=(
                    "Policies are 'ask', 'auto' and 'deny'; kinds are plan, spend, tool, fetch,"
                    " effect, question and open."
                ),
            )
    if setting is not None and not someone_can_answer():
        policy.setdefault("default", setting)
    return policy


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "somebody"
