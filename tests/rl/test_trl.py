"""Cross-check with TRL 1.16 where it is installed: loss and gradient of GRPO, group advantages."""

import pytest
import torch

from dsmath_lib.rl.advantages import group_advantages
from dsmath_lib.rl.losses import LogProbs, Objective, policy_loss, token_weights
from tests.rl.conftest import tiny_policy

trl = pytest.importorskip(
    "trl", reason="TRL is not installed; the frozen values are in test_losses"
)

LP = [[-1.0, -0.5, -2.0], [-0.3, -1.2, -0.7]]
OLD = torch.tensor([[-1.3, -0.5, -1.5], [-0.3, -1.0, -0.7]])
REF = torch.tensor([[-0.9, -0.7, -2.2], [-0.5, -1.2, -0.4]])
LENGTHS = torch.tensor([3, 2])
MASK = torch.arange(3) < LENGTHS[:, None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from dsmath_lib.lm.tokenizer import train_tokenizer

    path = tmp_path_factory.mktemp("tiny")
    tokenizer = train_tokenizer(["How many apples? 12+3=15."] * 20, 300)
    tiny_policy(len(tokenizer)).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def trainer(folder, tmp_path, **kw):
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    args = trl.GRPOConfig(
        output_dir=str(tmp_path),
        use_cpu=True,
        bf16=False,
        report_to="none",
        gradient_checkpointing=False,
        per_device_train_batch_size=2,
        num_generations=2,
        max_completion_length=4,
        epsilon=0.2,
        scale_rewards="group",
        **kw,
    )
    made = trl.GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder),
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=args,
        train_dataset=Dataset.from_list([{"prompt": "How many?"}] * 4),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
    made.current_gradient_accumulation_steps = args.gradient_accumulation_steps
    made.model.train()
    return made


@pytest.mark.parametrize(
    ("loss_type", "norm"), [("grpo", "sequence"), ("dapo", "token"), ("dr_grpo", "constant")]
)
@pytest.mark.parametrize("beta", [0.0, 0.04])
@pytest.mark.parametrize("advantages", [[1.0, -0.5], [[1.0, 0.5, -0.5], [-0.5, 0.2, 0.0]]])
def test_grpo_loss_and_gradient(folder, tmp_path, loss_type, norm, beta, advantages):
    agree(folder, tmp_path, loss_type, norm, beta, advantages, "token")


@pytest.mark.parametrize(("loss_type", "norm"), [("grpo", "sequence"), ("dapo", "token")])
def test_ratio_of_a_sequence(folder, tmp_path, loss_type, norm):
    agree(folder, tmp_path, loss_type, norm, 0.04, [1.0, -0.5], "sequence")


def agree(folder, tmp_path, loss_type, norm, beta, advantages, ratio_of):
    theirs = trainer(
        folder, tmp_path, loss_type=loss_type, beta=beta, use_bias_correction_kl=False,
        importance_sampling_level=ratio_of,
    )  # fmt: skip
    leaf = torch.tensor(LP, requires_grad=True)
    theirs._get_per_token_logps_and_entropies = lambda *a, **k: (leaf, torch.zeros(2, 3), None)
    a = torch.tensor(advantages)
    loss = theirs._compute_loss(
        theirs.model,
        {
            "prompt_ids": torch.ones(2, 1, dtype=torch.long),
            "prompt_mask": torch.ones(2, 1, dtype=torch.long),
            "completion_ids": torch.ones(2, 3, dtype=torch.long),
            "completion_mask": MASK.long(),
            "advantages": a,
            "old_per_token_logps": OLD,
            "ref_per_token_logps": REF,
            "num_items_in_batch": LENGTHS.sum(),
        },
    )
    loss.backward()
    mine = torch.tensor(LP, requires_grad=True)
    w = token_weights(LENGTHS, norm, max_length=4)
    objective = Objective(beta=beta, ratio_of=ratio_of)
    ours, _ = policy_loss(LogProbs(mine, OLD, REF), a, MASK, w, objective)
    ours.backward()
    torch.testing.assert_close(ours.detach(), loss.detach(), atol=1e-6, rtol=0)
    torch.testing.assert_close(mine.grad, leaf.grad, atol=4e-6, rtol=0)


def test_group_advantages(folder, tmp_path):
    """The rewards (1, 0, 0, 1 | 0, 0, 0, 0) of TRL's own scoring."""
    made = trainer(folder, tmp_path, loss_type="grpo", beta=0.0)
    made.num_generations = 4
    values = [1.0, 0, 0, 1, 0, 0, 0, 0]
    rows = [{"prompt": "How many?"}] * 8
    ids = [[5, 6]] * 8
    made._generate = lambda prompts, *a: (ids, ids, None, ["x"] * 8, None, {}, None, None)
    made.reward_funcs = [lambda **_: values]
    got = made._generate_and_score_completions(rows)["advantages"]
    group = torch.tensor([0] * 4 + [1] * 4)
    want = group_advantages(torch.tensor(values), group, ddof=1, eps=1e-4)
    torch.testing.assert_close(got.cpu(), want, atol=1e-6, rtol=0)
