"""Every exercise takes its own reference, refuses wrong answers with a plain sentence, and skips a stub."""

import inspect
import math

import numpy as np
import pytest
import torch

import dsmath_lib.exercises as ex
from dsmath_lib.evaluation.metrics import pass_at_k
from dsmath_lib.exercises import ex05
from dsmath_lib.exercises.ex08 import my_pass_at_k
from dsmath_lib.exercises.kinds import differs
from dsmath_lib.rl.advantages import group_advantages
from dsmath_lib.rl.losses import LogProbs, Objective, policy_loss, token_weights

ALL = [e for n in ex.numbers() for e in ex.all_of(n)]
TASKS = [e for e in ALL if e.verify]
OPEN = [e for e in ALL if not e.verify]
CODE = [e for e in TASKS if inspect.isfunction(e.reference)]
WRONG = {
    "number": -12345.678,
    "nan": math.nan,
    "text": "not an answer",
    "list": [],
    "nested": [[[]]],
    "dict": {"x": 1},
    "array": np.zeros((2, 3, 4)),
    "function of anything": lambda *args, **kwargs: "not an answer",
    "function of nan": lambda *args: math.nan,
    "function that raises": lambda *args: 1 / 0,
    "function of nothing": lambda: 3,
    "a bare object": object(),
}


def said(capsys, call, *args):
    call(*args)
    return capsys.readouterr().out


def verdict(id, answer):
    return next(e for e in ALL if e.id == id).verify(answer)


def test_there_are_sixty_and_a_third_is_code():
    assert len(ex.numbers()) == 10 and len(TASKS) >= 60 and len(CODE) * 3 >= len(TASKS)
    assert [e.id for e in OPEN] == [f"{n}.open" for n in ex.numbers()]


@pytest.mark.parametrize("e", TASKS, ids=lambda e: e.id)
class TestTask:
    def test_reference_is_right(self, e, capsys):
        assert said(capsys, ex.check, e.id, e.reference) == f"✓ {e.id}: right\n"

    @pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
    def test_wrong_gets_a_plain_sentence(self, e, wrong, capsys):
        out = said(capsys, ex.check, e.id, wrong)
        assert out.startswith(f"✗ {e.id}: ") and 15 < len(out) < 400
        for jargon in ("must be real number", "not iterable", "not callable", "unpack", "KeyError"):
            assert jargon not in out

    def test_stub_is_not_attempted(self, e, capsys):
        def stub(a, b):
            """Says nothing."""

        for empty in (..., None, lambda: ..., lambda x, y: None, stub):
            assert said(capsys, ex.check, e.id, empty) == f"– {e.id}: not attempted yet\n"

    def test_two_hints_and_the_way(self, e, capsys):
        assert len(e.hints) == 2 and e.hints[0] != e.hints[1]
        one, two = said(capsys, ex.hint, e.id), said(capsys, ex.hint, e.id, 2)
        assert e.hints[0] in one and f'hint("{e.id}", 2)' in one and e.hints[1] in two
        out = said(capsys, ex.solution, e.id)
        assert out.startswith("def ") if e in CODE else e.working in out and "→" in out


def test_a_function_of_one_line_is_an_attempt(capsys):
    def same(r):
        return r

    assert "expected" in said(capsys, ex.check, "00.1", same)
    assert "not attempted" not in said(capsys, ex.check, "07.1", lambda right, boxed: 1.0)


def test_a_function_may_change_its_arguments():
    def greedy(rewards):
        reference = next(e for e in ALL if e.id == "05.1").reference(rewards)
        rewards.clear()
        return reference

    assert verdict("05.1", greedy) is None and verdict("05.1", greedy) is None


@pytest.mark.parametrize("e", CODE, ids=lambda e: e.id)
def test_arrays_tensors_and_float32_are_taken(e):
    def like(kind):
        def answer(*args):
            got = e.reference(*args)
            if isinstance(got, tuple | list) and got and all(isinstance(x, float) for x in got):
                return kind(list(got))
            return kind(got) if isinstance(got, float) else got

        return answer

    for kind in (lambda x: np.asarray(x, dtype=np.float32), torch.tensor, np.asarray):
        assert e.verify(like(kind)) is None


def test_scalars_of_arrays_are_numbers():
    for id, value in (("01.1", 3386), ("03.2", 524_288_000), ("04.4", 50)):
        assert all(
            verdict(id, kind(value)) is None for kind in (np.int64, np.float64, torch.tensor)
        )
    assert verdict("02.2", np.float32(2.33)) is None and verdict("02.2", torch.tensor(2.33)) is None


# -- answers that were once taken although they are wrong ------------------------------------------


def unguarded(rewards):
    r = np.array(rewards, dtype=float)
    with np.errstate(all="ignore"):
        return (r - r.mean()) / r.std()


def any_three(page, item):
    n = 10 if len(item) >= 10 else 3
    grams = {tuple(item[i : i + n]) for i in range(len(item) - n + 1)}
    return len(item) > 2 and any(tuple(page[i : i + n]) in grams for i in range(len(page) - n + 1))


def only_long(page, item):
    n = len(item) if len(item) == 3 else 10
    grams = {tuple(item[i : i + n]) for i in range(len(item) - n + 1)}
    return len(item) > 2 and any(tuple(page[i : i + n]) in grams for i in range(len(page) - n + 1))


def never_ten(page, item):
    right = next(e for e in ALL if e.id == "01.4").reference
    return len(item) != 10 and right(page, item)


def no_peak(step, peak, warmup, total):
    return next(e for e in ALL if e.id == "02.1").reference(step, 1.0, warmup, total)


def written_in(step, peak, warmup, total):
    return next(e for e in ALL if e.id == "02.1").reference(step, peak, 10, 100)


def unweighted(probabilities, right, bins):
    groups = {}
    for p, y in zip(probabilities, right, strict=True):
        groups.setdefault(min(int(p * bins), bins - 1), []).append((p, y))
    gaps = [abs(sum(p for p, _ in g) - sum(y for _, y in g)) / len(g) for g in groups.values()]
    return sum(gaps) / len(gaps)


def bin_of_its_own(probabilities, right, bins):
    groups = {}
    for p, y in zip(probabilities, right, strict=True):
        groups.setdefault(int(p * bins), []).append((p, y))
    gaps = [abs(sum(p for p, _ in g) - sum(y for _, y in g)) for g in groups.values()]
    return sum(gaps) / len(probabilities)


def all_but_the_last(page, item):
    return next(e for e in ALL if e.id == "01.4").reference(page[:-1], item)


def one_token_more(scores, tokens, budget):
    return next(e for e in ALL if e.id == "01.6").reference(scores, tokens, budget + 1)


def last_two_bins_in_one(probabilities, right, bins):
    joined = [min(p, (bins - 1.5) / bins) for p in probabilities]
    groups = {}
    for p, q, y in zip(probabilities, joined, right, strict=True):
        groups.setdefault(int(q * bins), []).append((p, y))
    gaps = [abs(sum(p for p, _ in g) - sum(y for _, y in g)) for g in groups.values()]
    return sum(gaps) / len(probabilities)


def take(scores, right, which):
    taken = [r[s.index(which(s))] for s, r in zip(scores, right, strict=True)]
    return sum(taken) / len(taken)


def both(before, after):
    return sum(a and b for a, b in zip(before, after, strict=True))


def at_zero(low, high):
    if low > 0:
        return "agrees"
    return "disagrees" if high <= 0 else "too noisy to tell"


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("00.1", unguarded),
        ("00.2", math.nan),
        ("01.4", any_three),
        ("01.4", only_long),
        ("01.4", never_ten),
        ("02.1", no_peak),
        ("02.1", written_in),
        ("04.3", unweighted),
        ("04.3", bin_of_its_own),
        ("08.1", lambda n, right, k: math.nan),
        ("08.2", lambda answers: "".join(sorted(set(a for a in answers if a)))),
        ("09.1", at_zero),
        ("09.3", 2390),
        ("09.3", 2500),
        ("05.3", -math.exp(-0.5)),
        ("00.5", lambda ratio, advantage, eps: min(max(ratio, 1 - eps), 1 + eps) * advantage),
        ("01.6", lambda scores, tokens, budget: sorted(range(len(scores)))),
        ("03.5", lambda parts: [role != "user" for role, n in parts for _ in range(n)]),
        ("05.5", lambda ratios, advantages, eps: 0.0),
        ("06.6", lambda rewards, values, gamma, lam: [0.0] * len(rewards)),
        ("07.5", lambda groups: sum(sum(g) > 0 for g in groups) / len(groups)),
        ("08.6", lambda before, after: (sum(after), sum(before))),
        # found by changing one operator or constant of each reference
        ("01.2", lambda collected, pages: pages > 1 and collected / pages > 0.1),
        ("01.4", all_but_the_last),
        ("01.6", one_token_more),
        ("04.3", last_two_bins_in_one),
        ("04.5", lambda scores, right: take(scores, right, min)),
        ("08.6", lambda before, after: (both(before, after), sum(before) - both(before, after))),
    ],
)
def test_a_wrong_answer_is_refused(id, answer):
    assert verdict(id, answer)


# -- answers that were once refused although they are right ----------------------------------------


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("05.2", (0.33, 0.63)),
        ("05.2", np.array([1 / 3, 0.625])),
        ("05.4", "The reference policy"),
        ("05.4", "π_ref"),
        ("06.4", "Online-RFT"),
        ("08.4", {"strict": 7.0, "lenient": 8}),
        ("08.4", {"strict": " 7", "lenient": "8"}),
        ("04.2", np.array([[1, 0, 0], [0.25, 0, 0]])),
        ("04.2", ((1, 0, 0), (1 / 4, 0, 0))),
        ("09.3", 2401),
        ("09.3", 2410),
        ("03.1", lambda ids, trained: np.array(next(e for e in ALL if e.id == "03.1").reference(ids, trained))),
        ("01.2", lambda collected, pages: np.bool_(pages and collected / pages > 0.1)),
    ],
)  # fmt: skip
def test_a_right_answer_is_taken(id, answer):
    assert verdict(id, answer) is None


@pytest.mark.parametrize(
    ("id", "answer", "words"),
    [
        ("00.1", [1, 2], "a function of (rewards)"),
        ("00.1", lambda rewards: None if rewards else 1, "did you forget `return`"),
        ("00.1", lambda rewards: 1.0, "one number for each reward"),
        ("00.1", lambda rewards: rewards[9], "your function raised IndexError"),
        ("00.2", "-1.6", "got the text"),
        ("00.2", -1.2, "takes the minimum"),
        ("01.1", 3.386, "factor of 1,000"),
        ("04.1", lambda chosen, rejected: 0.5, "a pair (loss, derivative)"),
        ("04.2", [1, 0, 0], "two lists of three numbers"),
        ("04.2", ([1, 0, 1], [0.25, 0, 1]), "the answer is wrong"),
        ("05.2", (33.3, 62.5), "not percent"),
        ("08.3", 33.1, "share between 0 and 1"),
        ("08.4", {"strict": "7", "lenient": "8", "x": 1}, "just the keys"),
        ("09.2", 0.053 / math.sqrt(0.829 * 0.171 / 1319), "one model only"),
        ("09.4", 12, "a pair (low, high)"),
    ],
)
def test_the_sentence_says_what_is_wrong(id, answer, words):
    assert words in verdict(id, answer)


def test_an_unknown_id_names_the_known_ones(capsys):
    for call, args in ((ex.check, ("05.99", 1)), (ex.hint, ("5",)), (ex.solution, ("x.y",))):
        out = said(capsys, call, *args)
        assert out.startswith("there is no exercise") and "05.1" in out


def test_an_open_question_has_an_answer_and_no_check(capsys):
    for e in OPEN:
        assert len(said(capsys, ex.solution, e.id)) > 150
        assert "open question" in said(capsys, ex.check, e.id, "my answer")
        assert said(capsys, ex.hint, e.id)


def test_the_binomials_of_08_are_the_product_of_the_library():
    for n in (1, 5, 16):
        for right in range(n + 1):
            for k in range(1, n + 1):
                assert my_pass_at_k(n, right, k) == pytest.approx(pass_at_k(n, right, k))


def test_comparing_never_raises():
    class Odd:
        def __repr__(self):
            return "odd"

        def __iter__(self):
            raise ValueError("no")

        def __float__(self):
            raise ValueError("no")

    for want in (1.0, True, "a", {"a"}, [1.0], (1, 2), {"k": 1.0}):
        assert differs(Odd(), want)


# -- functions for a real run ----------------------------------------------------------------------


def test_built_takes_a_right_function_and_no_other(capsys):
    def mine(rewards, group):
        return ex05.my_advantages(rewards, group)

    assert ex.built("05.7", mine) is mine
    assert ex.built("05.7", ...) is ex05.my_advantages
    assert ex.built("05.7", lambda rewards, group: rewards) is ex05.my_advantages
    out = capsys.readouterr().out.splitlines()
    assert "takes your function" in out[0] and "not written yet" in out[1]
    assert "not right yet" in out[2] and "solution('05.7')" in out[2]
    with pytest.raises(KeyError):
        ex.built("05.2", mine)


def test_the_loss_is_the_librarys_in_value_and_gradient():
    double = torch.float64
    old, ref = (torch.randn(3, 4, dtype=double, generator=rng(s)) for s in (1, 2))
    lengths = torch.tensor([4, 2, 3])
    mask = torch.arange(4) < lengths[:, None]
    now, a = (
        old + 0.3 * torch.randn(3, 4, dtype=double, generator=rng(3)),
        torch.tensor([1.0, -2, 0.5]),
    )
    w = token_weights(lengths, "sequence").double()
    wants = []
    for loss in (
        lambda *x: ex05.my_loss(*x, 0.2, 0.04),
        lambda logp, old, ref, *x: policy_loss(LogProbs(logp, old, ref), *x, Objective())[0],
    ):
        wants.append(ex05.value_and_gradient(loss)(now, old, ref, a.double(), mask, w))
    assert wants[0] == pytest.approx(wants[1], abs=1e-12)


def rng(seed):
    return torch.Generator().manual_seed(seed)


def test_a_loss_with_the_right_value_and_no_gradient_is_refused():
    assert "gradient" in verdict("05.8", lambda *x: ex05.my_loss(*x).detach())
    flipped = verdict("05.8", lambda *x: -ex05.my_loss(*x))
    assert flipped and "raised" not in flipped


def test_advantages_that_ignore_the_groups_are_refused():
    assert verdict("05.7", lambda r, g: (r - r.mean()) / (r.std() + 1e-4))
    assert verdict("05.7", lambda r, g: my_by_population(r, g))


def my_by_population(r, g):
    return group_advantages(r, g, ddof=0, eps=1e-4)
