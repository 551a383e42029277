"""Stand-ins for published models: the same architecture and kind of tokenizer, small, new, made without a network.

They check that a scale's parameters load, that prompts are built as for the model, and that every step runs. What they
draw is noise.
"""

from pathlib import Path

from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedTokenizerFast

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.lm.tokenizer import train_tokenizer
from dsmath_lib.plan.architecture import config_of, known_models
from dsmath_lib.world.problems import cot, sample_problems

_CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_USER = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ 'User: ' + m['content'] + '\n\n' }}"
    "{% elif m['role'] == 'assistant' %}{{ 'Assistant: ' + m['content'] + eos_token }}"
    "{% else %}{{ m['content'] + '\n\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
# kind -> (beginning of text or none, end, padding, further control tokens, chat template)
KINDS = {
    "qwen2": (None, "<|im_end|>", "<|endoftext|>", ("<|im_start|>",), _CHATML),
    "llama": ("<|im_start|>", "<|im_end|>", "<|im_end|>", ("<|endoftext|>",), _CHATML),
    "deepseek": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜end▁of▁sentence｜>", (), _USER),
}  # fmt: skip
_CONTEXT = 4096


def standin_tokenizer(kind: str, words: int = 600) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with the control tokens and the chat template of a kind.

    Raises:
        ParamsError: unknown ``kind``; names the known ones.
    """
    if kind not in KINDS:
        raise ParamsError(f"unknown kind of tokenizer '{kind}' (known: {', '.join(KINDS)})")
    bos, eos, pad, more, template = KINDS[kind]
    problems = sample_problems(100, split="train", seed=0)
    learned = train_tokenizer([p.question + cot(p) for p in problems], words)
    core = learned.backend_tokenizer
    control = list(dict.fromkeys(x for x in (bos, eos, pad, *more) if x))
    tokens = {"eos_token": eos, "pad_token": pad} | ({"bos_token": bos} if bos else {})
    out = PreTrainedTokenizerFast(
        tokenizer_object=core, clean_up_tokenization_spaces=False, **tokens
    )
    out.add_special_tokens({"additional_special_tokens": control})
    out.chat_template = template
    return out


def shrunken(config: PretrainedConfig, vocab: int) -> PretrainedConfig:
    """A configuration of the same architecture: two layers of 64, grouped keys, ties and spare words as there."""
    grouped = config.num_key_value_heads < config.num_attention_heads
    return AutoConfig.for_model(
        config.model_type,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2 if grouped else 4,
        intermediate_size=128,
        vocab_size=vocab + 8,  # published models have rows without a word, too
        max_position_embeddings=_CONTEXT,
        tie_word_embeddings=config.tie_word_embeddings,
    )


def write_standin(name: str, folder: Path) -> Path:
    """Write model and tokenizer that stand for the known model ``name`` below ``folder``; their folder.

    Raises:
        ParamsError: the model is not in the table.
    """
    if name not in known_models():
        raise ParamsError(
            f"'{name}' has no row in dsmath_lib/plan/models.yaml, so none stands for it"
        )
    tokenizer = standin_tokenizer(known_models()[name]["tokenizer"])
    config = shrunken(config_of(name), len(tokenizer))
    model = AutoModelForCausalLM.from_config(config)
    for c in (model.config, model.generation_config):
        c.bos_token_id = tokenizer.bos_token_id
        c.eos_token_id, c.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    place = folder / name.rpartition("/")[2]
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place
