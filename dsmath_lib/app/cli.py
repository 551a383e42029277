"""The command ``dsmath``: run the chain, show parameters, make reports, look at this machine, clean up.

Wrong input ends with one clear line and exit code 2; heavy libraries are imported by the command that needs them.
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from dsmath_lib.app import corpus_cli as corpus
from dsmath_lib.base.errors import ParamsError, StageError
from dsmath_lib.base.paths import ROOT
from dsmath_lib.engines.grader import RULES

_NOTEBOOKS = ROOT / "notebooks"
app = typer.Typer(
    help="DeepSeekMath, step by step: run the notebooks of a scale, and look after their reports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(corpus.app, name="corpus")


@app.command("run")
def _run(
    scale: Annotated[str, typer.Argument(help="a folder of params/, e.g. smoke, toy")],
    stages: Annotated[
        list[str] | None, typer.Argument(help="e.g. 05 or 05_grpo; none: all, in order")
    ] = None,
    p: Annotated[
        list[str] | None,
        typer.Option(
            "-p", metavar="NAME VALUE", help="set a parameter, e.g. -p lr 5e-4; repeatable"
        ),
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry", help="in miniature on the CPU: stand-in models and data")
    ] = False,
    seeds: Annotated[
        str, typer.Option("--seeds", help="e.g. 0,1,2: all stages with each, the ledger over all")
    ] = "",
    world: Annotated[
        str, typer.Option("--world", help="a control world, in a report of its own")
    ] = "",
) -> None:
    """Run the chain of a scale; finished stages are skipped, an interrupted one goes on."""
    from dsmath_lib.app import runner

    if dry:
        import tempfile

        from dsmath_lib.app.dry_run import dry_run

        with tempfile.TemporaryDirectory(prefix="dsmath-dry-") as folder:
            raise typer.Exit(dry_run(scale, Path(folder), tuple(stages or ())))
    pairs = [tuple(x.split("=", 1)) for x in p or []]
    if seeds or world:
        from dsmath_lib.app.variants import run_variants, seeds_of

        many = seeds_of(seeds or "0")
        raise typer.Exit(run_variants(scale, stages or [], pairs, many, world or "normal"))
    raise typer.Exit(runner.run_stages(scale, stages or [], pairs))


@app.command("plan")
def _plan(
    scale: Annotated[str, typer.Argument(help="a folder of params/, e.g. gpu-24gb")],
    gpu: Annotated[
        float, typer.Option("--gpu", help="memory of each GPU in GiB; none: this machine's", min=0)
    ] = 0,
    processes: Annotated[int, typer.Option("--processes", help="none: the scale's own", min=0)] = 0,
    p: Annotated[list[str] | None, typer.Option("-p", metavar="NAME VALUE")] = None,
) -> None:
    """Estimate memory, line by line, and time of each stage; says what to change where it does not fit."""
    from dsmath_lib.app.plan_command import print_plan

    pairs = [tuple(x.split("=", 1)) for x in p or []]
    raise typer.Exit(print_plan(scale, gpu, processes, pairs))


@app.command()
def params(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="scales and stages to show, e.g. toy 05_grpo; none: all"),
    ] = None,
    changes: Annotated[
        bool, typer.Option("--changes", help="only what makes the scale: where it is not as toy")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="write the notebooks' cells and the README's table")
    ] = False,
) -> None:
    """Show all parameters: one row each, scales as columns, the paper's value beside."""
    from dsmath_lib.app.notebook_files import write_generated
    from dsmath_lib.app.runner import find_stage
    from dsmath_lib.params import table
    from dsmath_lib.rows.stages import STAGES

    if write and names:
        raise ParamsError("--write writes all notebooks and takes no names")
    if write:
        print("\n".join(f"wrote {path}" for path in write_generated(ROOT)) or "all up to date")
        return
    columns = [n for n in names or [] if n in table.scale_names()]
    stages = sorted({find_stage(n, list(STAGES)) for n in names or [] if n not in columns})
    scales, rows = table.parameter_rows(stages or list(STAGES), columns or None)
    table.print_rows(scales, table.changes(scales, rows) if changes else rows)


@app.command()
def report(scale: str) -> None:
    """Make the HTML pages and the index of a scale again from what is there."""
    from dsmath_lib.report.index import rebuild

    print(rebuild(scale))


@app.command("grade")
def _grade(
    source: Annotated[
        Path, typer.Argument(metavar="IN.jsonl", help="rows {gold, completion} or {gold, pred}")
    ],
    out: Annotated[Path, typer.Option("-o", metavar="OUT.jsonl", help="the rows with verdicts")],
    rule: Annotated[str, typer.Option(help=", ".join(RULES))] = "lenient",
    compare: Annotated[str, typer.Option(help="add this grader's verdicts: math-verify")] = "",
    html: Annotated[
        Path | None, typer.Option(help="page of disagreements; default: OUT.html")
    ] = None,
) -> None:
    """Grade answers in a file: adds correct, extracted, reason and version to each row."""
    from dsmath_lib.engines.grader import grade_file

    page = html or out.with_suffix(".html")
    raise typer.Exit(grade_file(source, out, rule, compare, page))


@app.command()
def doctor() -> None:
    """Show versions, cores, memory, GPU and disk, and what each scale needs."""
    from dsmath_lib.app.doctor import print_doctor

    raise typer.Exit(print_doctor())


@app.command("gpu-check")
def _gpu_check(
    scale: Annotated[str, typer.Option(help="none: gpu-offline with a GPU, else smoke")] = "",
    minutes: Annotated[float, typer.Option(help="in all; the same command goes on", min=0.2)] = 10,
) -> None:
    """Run every stage, the benches and vLLM's tests here, and write a small folder to send back."""
    from dsmath_lib.app.gpu_check import check_gpu

    raise typer.Exit(check_gpu(scale, minutes))


@app.command("clean")
def _clean(
    notebooks: Annotated[
        bool, typer.Option("--notebooks", help="strip outputs from notebooks/")
    ] = False,
    scale: Annotated[str, typer.Option("--scale", help="remove the report of this scale")] = "",
    everything: Annotated[
        bool,
        typer.Option("--all", help="strip notebooks, remove all reports (not reports/reference)"),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what of the reports would go, remove nothing")
    ] = False,
) -> None:
    """Strip the outputs of the notebooks (the default), or remove what runs made of a report."""
    from dsmath_lib.app.cleaning import clean_all, clean_scale
    from dsmath_lib.app.notebook_files import strip_file

    broken = False
    if (notebooks or everything or not scale) and not dry_run:
        for path in sorted(_NOTEBOOKS.glob("*.ipynb")):
            try:
                if strip_file(path):
                    print(f"stripped {path}")
            except StageError as err:
                broken = True
                print(err, file=sys.stderr)
    if everything:
        clean_all(dry_run=dry_run)
    elif scale:
        clean_scale(scale, dry_run=dry_run)
    if broken:
        raise typer.Exit(1)


@app.command("regrade")
def _regrade(
    folder: Annotated[Path, typer.Argument(help="completions, e.g. reports/toy/08_evaluation")],
    rule: Annotated[str, typer.Option(help="extraction rule; none: the one of each file")] = "",
    write: Annotated[bool, typer.Option("--write", help="keep the new scores")] = False,
) -> None:
    """Grade kept completions again, without any model, and print old and new scores."""
    from dsmath_lib.report.notebook import table
    from dsmath_lib.runs.nb08_evaluation.rescore import regrade_folder

    if rule and rule not in RULES:
        raise ParamsError(f"unknown rule '{rule}' (known: {', '.join(RULES)})")
    print(table(regrade_folder(folder, rule, write=write)))


@app.command()
def lab() -> None:
    """Open the notebooks in JupyterLab."""
    first = _NOTEBOOKS / "00_start_here.ipynb"
    jupyter = Path(sys.executable).with_name("jupyter")
    raise typer.Exit(subprocess.call([jupyter, "lab", first if first.exists() else _NOTEBOOKS]))


def join_pairs(argv: list[str]) -> list[str]:
    """Turn papermill's ``-p NAME VALUE`` into one argument ``NAME=VALUE``, so values may start with ``-``.

    Raises:
        ParamsError: a name or value is missing.
    """
    out, rest = [], list(argv)
    while rest:
        word = rest.pop(0)
        if word != "-p":
            out.append(word)
            continue
        if len(rest) < 2 or "=" in rest[0]:
            raise ParamsError("-p needs a name and a value, e.g. -p lr 5e-4")
        out += ["-p", f"{rest.pop(0)}={rest.pop(0)}"]
    return out


def _readable_names() -> None:
    """Raise ParamsError where the project's path has letters that this Python's way of reading file names lacks."""
    from dsmath_lib.base.folders import reports_root

    try:
        f"{ROOT} {reports_root()}".encode()
    except UnicodeEncodeError:
        raise ParamsError(
            f"file names are read as {sys.getfilesystemencoding()}, and the path of this project needs "
            "UTF-8; call again with the variable PYTHONUTF8=1"
        ) from None


def main() -> None:
    """Entry point of the command ``dsmath``."""
    from dsmath_lib.base.names import BadName

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a character that the terminal lacks must not end a run
            stream.reconfigure(errors="replace")
    try:
        _readable_names()
        app(args=join_pairs(sys.argv[1:]), prog_name="dsmath")
    except (ParamsError, StageError, BadName) as err:
        print(err, file=sys.stderr)
        sys.exit(2)
    except OSError as err:  # disk full, no permission
        print(f"dsmath: {err}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
