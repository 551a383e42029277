"""Small tokenizers of the kinds that real models have: trained on a few sentences, with marks and chat templates.

Each kind has what makes it special: Qwen2 has no bos and a default system text; Llama 3 puts bos before every text and
cuts white space around a turn; DeepSeek LLM has turns of plain text; DeepSeek V3 has marks that are not special tokens;
Gemma takes no system text; one template wants one.
"""

from functools import cache

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

TEXTS = [
    "Tom has 12 apples and buys 3 more. How many apples has he now?",
    "12 + 3 = 15. The answer is \\boxed{15}.",
    "Please reason step by step, and put your final answer within \\boxed{}.",
    "You are a helpful assistant. User: Hello?\n\nAssistant: Yes, I can.\n",
    "小明有12个苹果，又买了3个。答案是\\boxed{15}。",
] * 4
# digits one by one; line breaks join the signs before them, so the seams of a template matter
_WORDS = r"'s|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

CHATML = (
    "{%- if messages[0]['role'] != 'system' -%}{{ '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}{%- endif -%}"
    "{%- for m in messages -%}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)
LLAMA = (
    "{{- bos_token -}}{%- for m in messages -%}{{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' -}}"
    "{{- m['content'] | trim + '<|eot_id|>' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}"
)
DEEPSEEK_LLM = (
    "{{- bos_token -}}{%- for m in messages -%}"
    "{%- if m['role'] == 'user' -%}{{- 'User: ' + m['content'] + '\\n\\n' -}}"
    "{%- elif m['role'] == 'assistant' -%}{{- 'Assistant: ' + m['content'] + eos_token -}}"
    "{%- else -%}{{- m['content'] + '\\n\\n' -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}"
)
DEEPSEEK_V3 = (
    "{{- bos_token -}}{%- for m in messages -%}"
    "{%- if m['role'] == 'user' -%}{{- '<｜User｜>' + m['content'] -}}"
    "{%- elif m['role'] == 'assistant' -%}{{- '<｜Assistant｜>' + m['content'] + eos_token -}}"
    "{%- else -%}{{- m['content'] -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<｜Assistant｜>' -}}{%- endif -%}"
)
NO_SYSTEM = (
    "{{- bos_token -}}{%- if messages[0]['role'] == 'system' -%}{{- raise_exception('System role not supported') -}}"
    "{%- endif -%}{%- for m in messages -%}{%- set role = 'model' if m['role'] == 'assistant' else m['role'] -%}"
    "{{- '<start_of_turn>' + role + '\\n' + m['content'] | trim + '<end_of_turn>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}"
)
NEEDS_SYSTEM = (
    "{%- if messages[0]['role'] != 'system' -%}{{- raise_exception('A system message comes first') -}}{%- endif -%}"
    + CHATML.partition("{%- endif -%}")[2]
)
# kind -> bos, eos, special marks, marks that are not special, template, bos before every text
KINDS: dict[str, tuple] = {
    "qwen2": (None, "<|im_end|>", ("<|endoftext|>", "<|im_start|>"), ("<tool_call>",), CHATML, False),
    "qwen2-base": (None, "<|endoftext|>", ("<|im_start|>", "<|im_end|>"), (), CHATML, False),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>",
               ("<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"), (), LLAMA, True),
    "deepseek-llm": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", (), (), DEEPSEEK_LLM, True),
    "deepseek-v3": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", (),
                    ("<｜User｜>", "<｜Assistant｜>", "<think>"), DEEPSEEK_V3, True),
    "gemma": ("<bos>", "<eos>", ("<start_of_turn>", "<end_of_turn>"), (), NO_SYSTEM, True),
    "needs-system": (None, "<|im_end|>", ("<|im_start|>",), (), NEEDS_SYSTEM, False),
    "no-template": ("<s>", "</s>", (), (), None, True),
}  # fmt: skip


@cache
def tokenizer_of(kind: str) -> PreTrainedTokenizerFast:
    """A tokenizer of a row of ``KINDS``; pad is eos, as with many real ones."""
    bos, eos, special, loose, template, puts_bos = KINDS[kind]
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tok.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False)
    tok.train_from_iterator(TEXTS, trainer)
    tok.add_special_tokens([t for t in (bos, eos, *special) if t])
    tok.add_tokens([AddedToken(t, special=False, normalized=False) for t in loose])
    return PreTrainedTokenizerFast(
        tokenizer_object=tok, bos_token=bos, eos_token=eos, pad_token=eos, chat_template=template,
        add_bos_token=puts_bos, clean_up_tokenization_spaces=False,
    )  # fmt: skip
