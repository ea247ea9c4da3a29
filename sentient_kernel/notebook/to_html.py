"""A saved notebook as one HTML file that asks nobody for anything: what is live in it becomes what
it last showed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sentient_kernel.errors import ConfigurationError, ParseError, UsageError
from sentient_kernel.redaction import redactor

WIDGET = "application/vnd.jupyter.widget-view+json"
STILL = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex")
"""What a viewer without a kernel can show in a widget's place. Its text alone, often only a repr,
stands in when there is nothing else.
"""
GONE = "A live view; it is shown when the notebook is opened with its kernel."

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
    " blob:; media-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
)
"""What the page may do, kept by the browser: what stands in it runs, and nothing is fetched."""
PAGE = f"""{{%- extends 'lab/index.html.j2' -%}}
{{%- block html_head_js -%}}<meta http-equiv="Content-Security-Policy" content="{POLICY}">{{%- \
endblock html_head_js -%}}
{{%- block jupyter_widgets -%}}{{%- endblock jupyter_widgets -%}}
{{%- block html_head_js_mathjax -%}}{{%- endblock html_head_js_mathjax -%}}
{{%- block html_head_js_mermaidjs -%}}{{%- endblock html_head_js_mermaidjs -%}}
"""
"""JupyterLab's look, without the scripts that nbconvert would load from elsewhere: formulas and
diagrams stay as they were written.
"""


def to_html(notebook: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Path:
    """Writes a saved notebook as one HTML file that works offline: every report, table and run in
    it as it was last shown.

    Live views become the static view that came with them. Pictures beside the notebook are put into
    the file; formulas stay as they were written; known secrets are replaced. The notebook is not
    run and not changed.

    Args:
        notebook: The notebook's path.
        out: Where to write; by default beside the notebook, with the ending ``.html``.

    Returns:
        The file that was written.

    Raises:
        UsageError: There is no such notebook, or the file cannot be written there.
        ParseError: The file is not a notebook.
        ConfigurationError: nbconvert is not installed.
    """
    path = Path(notebook).expanduser()
    target = Path(out).expanduser() if out is not None else path.with_suffix(".html")
    if not path.is_file():
        raise UsageError(
            f"There is no notebook {str(path)!r}.", hint="Save it first; then give its path."
        )
    if target.absolute() == path.absolute():
        raise UsageError(
            f"{str(target)!r} is the notebook itself.", hint="Give another file to write to."
        )
    page = _page(still(_without_secrets(_read(path))), path)
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{str(target)!r} cannot be written: {error.strerror or error}.") from None
    return target


def still(notebook: Any) -> Any:
    """Takes out of a notebook what needs a kernel or a widget manager to be shown, and leaves what
    each view last looked like.

    Args:
        notebook: As nbformat reads it; it is changed.

    Returns:
        The same notebook.
    """
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            live = output.get("data", {}).pop(WIDGET, None)
            if live and not any(kind in output.data for kind in STILL):
                output.data = {"text/plain": GONE}
    return notebook


def _read(path: Path) -> Any:
    try:
        import nbformat
        from nbformat.reader import NotJSONError
    except ImportError as error:
        raise _not_installed(error) from None
    try:
        return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except (
        NotJSONError,
        nbformat.ValidationError,
        AttributeError,
        KeyError,
        TypeError,
        UnicodeDecodeError,
    ):
        raise ParseError(
            f"{str(path)!r} is not a notebook.",
            hint="Give a file that Jupyter saved, ending in .ipynb.",
        ) from None
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from None


def _without_secrets(notebook: Any) -> Any:
    """Returns a notebook without known secrets: a page is made to be passed on, whatever a cell has
    printed.
    """
    import nbformat

    data = json.dumps(notebook).encode()
    clean = redactor(thorough=True).data(data)
    if clean is data:
        return notebook
    return nbformat.from_dict(json.loads(clean))  # type: ignore[no-untyped-call]


def _page(notebook: Any, path: Path) -> str:
    try:
        from nbconvert.exporters import HTMLExporter
    except ImportError as error:
        raise _not_installed(error) from None
    exporter = HTMLExporter(raw_template=PAGE, embed_images=True)  # type: ignore[no-untyped-call]
    resources = {"metadata": {"name": path.stem, "path": str(path.parent)}}
    body, _ = exporter.from_notebook_node(notebook, resources=resources)
    return str(body)


def _not_installed(error: ImportError) -> ConfigurationError:
    return ConfigurationError(
        f"{(error.name or 'nbconvert').partition('.')[0]} is not installed here.",
        hint='Install it with: pip install "sentient-kernel[notebook]"',
    )
