"""An executed notebook as one HTML page: code folded, parameters open, formulas and figures offline, alt text kept.

Formulas need ``reports/assets/tex-svg.js`` (MathJax, copied from the package ``sphinx-mathjax-offline``); nothing else
is loaded, and no address outside the reports folder is used.
"""

from importlib import metadata
from pathlib import Path

from dsmath_lib.base.files import file_digest, write_atomic
from dsmath_lib.base.folders import reports_root
from dsmath_lib.report.pages import merge_parameters, set_links

MATHJAX = "sphinx-mathjax-offline/static/mathjax/tex-svg.js"

TEMPLATE = r"""{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}
<script>
MathJax = {tex: {inlineMath: [['$', '$'], ['\\(', '\\)']], processEscapes: true, tags: 'none'}}
</script>
<script defer src="../../assets/tex-svg.js"></script>
<style>
summary.code { cursor: pointer; color: #555; font: 0.85em sans-serif; padding: 2px 0 2px 80px }
nav.dsmath { font: 1em sans-serif; margin: 1em 1em 1em 80px }
img { max-width: 100% }
pre, code, .jp-RenderedHTMLCommon pre { font-family: ui-monospace, Menlo, Consolas, monospace }
.jp-RenderedMarkdown pre { background: #f7f7f7; padding: .6em }
.jp-RenderedHTMLCommon { overflow-x: auto }
</style>
{%- endblock -%}
{%- block body_header -%}{{ super() }}<nav class="dsmath"><a href="../index.html">← all stages</a></nav>{%- endblock -%}
{%- block input_group -%}
{%- set tags = cell.metadata.get('tags', []) -%}
{%- if 'parameters' in tags or 'injected-parameters' in tags -%}{{ super() }}
{%- else -%}<details><summary class="code">code</summary>{{ super() }}</details>{%- endif -%}
{%- endblock -%}
{%- block data_widget_view scoped -%}{%- endblock -%}
{%- block data_png scoped -%}
<div class="jp-RenderedImage"><img src="data:image/png;base64,{{ output.data['image/png'] }}"
 alt="{{ ((output.metadata.get('image/png') or {}).get('alt') or 'figure') | e }}"></div>
{%- endblock -%}
"""


def write_html(notebook: Path) -> Path:
    """Make the page of an executed notebook beside it; a partial notebook is fine. Returns the page.

    Raises:
        OSError, ValueError: the notebook is missing or not a notebook.
    """
    import nbformat
    from jinja2 import DictLoader
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        extra_loaders=[DictLoader({"dsmath.html.j2": TEMPLATE})], template_file="dsmath.html.j2"
    )
    nb = merge_parameters(nbformat.read(notebook, as_version=4))
    body, _ = exporter.from_notebook_node(nb, resources={"metadata": {"name": notebook.stem}})
    copy_assets()
    page = notebook.with_suffix(".html")
    write_atomic(page, set_links(body, page.parent))
    return page


def copy_assets() -> None:
    """Put MathJax into ``reports/assets``, whole, and again where another file or a part of it lies there."""
    target = reports_root() / "assets" / "tex-svg.js"
    source = Path(metadata.distribution("sphinx-mathjax-offline").locate_file(MATHJAX))
    here = target.is_file() and not target.is_symlink()
    if not here or file_digest(target) != file_digest(source):
        write_atomic(target, source.read_bytes())
