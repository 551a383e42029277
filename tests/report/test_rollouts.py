"""The rollout browser: colours follow advantages, text is escaped, nothing is loaded from outside."""

import re

import pytest
import torch

from dsmath_lib.lm.tokenizer import train_tokenizer
from dsmath_lib.report.browser import Browser, Card, browse, token_texts
from dsmath_lib.rl.rollouts import Rollouts


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["How many apples? 12+3=15. The answer is \\boxed{15}."] * 20, 300)


def rollouts(tokenizer, texts):
    ids = [tokenizer.encode(t, add_special_tokens=False) for t in texts]
    return Rollouts(
        prompts=[[1]] * len(ids), completions=ids, logprobs=[[0.0] * len(i) for i in ids],
        finish=["eos"] * len(ids), group=torch.tensor([0, 0, 1]), texts=texts,
    )  # fmt: skip


def test_pieces_join_to_the_text(tokenizer):
    for text in ("12+3=15", "答案是15，🙂", "a\n\nb", ""):
        ids = tokenizer.encode(text, add_special_tokens=False)
        got = token_texts(tokenizer, ids)
        assert len(got) == len(ids) and "".join(got) == text
    assert token_texts(tokenizer, [tokenizer.eos_token_id]) == [tokenizer.eos_token]


def test_colour_and_sign(tokenizer):
    r = rollouts(tokenizer, ["15", "<script>alert(1)</script> $x$", "16"])
    advantages = torch.tensor([0.9, -0.9, 5.0])
    b = browse(
        tokenizer, r, torch.tensor([1.0, 0.0, 1.0]), advantages, question="12 < 13?", answer="15"
    )
    page = b._repr_html_()
    first, second = page.split('role="listitem"')[1:]
    assert "0,107,164" in first and "underline" not in first and 'title="+0.900"' in first
    assert "255,128,14" in second and "underline" in second and 'title="-0.900"' in second
    assert "script>" not in page.replace("&lt;script&gt;", "") and "12 &lt; 13?" in page
    assert not re.search(r"https?:|src=|href=|<script", page)
    assert 'aria-label="2 completions with rewards +1, +0; blue' in page
    assert repr(b).count("\n") == 3


def test_advantage_per_token(tokenizer):
    r = rollouts(tokenizer, ["15", "16", "1"])
    n = len(r.completions[0])
    a = torch.zeros(3, n + 2)
    a[0, 0] = 2.0
    b = browse(tokenizer, r, torch.ones(3), a, question="q", answer="15")
    assert b.cards[0].advantages == [2.0] + [0.0] * (n - 1) and b.scale == 2.0
    assert b.cards[1].mean == 0.0


def test_flat_group_and_empty_completion():
    b = Browser("q", "1", [Card([], [], 0.0, "length"), Card(["x"], [0.0], 0.0, "eos")])
    assert "no signal" in b.summary() and "(empty)" in b._repr_html_()


def test_unknown_group(tokenizer):
    r = rollouts(tokenizer, ["1", "2", "3"])
    with pytest.raises(ValueError, match="group 7"):
        browse(tokenizer, r, torch.ones(3), torch.ones(3), question="q", answer="1", group=7)
