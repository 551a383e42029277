"""Rollouts on a transformers model: a decoding loop that does no work twice.

``generate`` prefills each of a group's G copies of a prompt, grows its cache by copying it at every token, and keeps
finished rows in the batch. Here a prompt is prefilled once, its keys and values are repeated into a cache allocated
once, and a finished row leaves the batch by giving its slot to a running one::

    completions = HFSampler(model, tokenizer).sample(prompts, n=16, temperature=1.0, max_new_tokens=96, seed=1)

Any causal language model of transformers with rotary positions and full attention works (Llama, Qwen2, DeepSeek LLM).
"""

import math
from collections.abc import Iterator

import torch
from transformers import AttentionInterface, Cache, DynamicCache
from transformers.cache_utils import CacheLayerMixin

from dsmath_lib.base.attention import attention_by
from dsmath_lib.base.dtypes import at_least_float32
from dsmath_lib.base.records import Completions
from dsmath_lib.base.seeds import generator
from dsmath_lib.base.vocabulary import context_of, fit_vocabulary
from dsmath_lib.engines.decode.protocol import check_sampling, eos_ids

FINISH = ("length", "eos", "stop")


class HFSampler:
    """Samples from ``model`` as it is now; after a weight update nothing needs to be synchronised."""

    def __init__(
        self,
        model: torch.nn.Module,
        tokenizer,
        max_rows: int = 1024,
        cache_gb: float = math.inf,
    ):
        """``max_rows`` are decoded at once, or fewer: those whose keys and values take ``cache_gb`` GB (2^30 bytes)."""
        self.model, self.tokenizer, self.max_rows = model, tokenizer, max_rows
        self.cache_gb, self.memory = cache_gb, {}
        self.eos_ids = eos_ids(model, tokenizer)
        fit_vocabulary(model, tokenizer)

    def sample(
        self,
        prompts: list[list[int]],
        *,
        n: int,
        temperature: float,
        top_p: float = 1.0,
        max_new_tokens: int,
        seed: int,
        stop: tuple[str, ...] = (),
        first: int = 0,
    ) -> Completions:
        """Draw ``n`` completions of each prompt.

        Temperature 0 is greedy (``n`` > 1 then repeats it); its log-probs are those at temperature 1.
        With ``top_p`` below 1, tokens come from the smallest set of most likely ones whose total probability is at
        least ``top_p``. Log-probs are then over that set, and differ from a trainer's over the whole vocabulary.
        Row r at step t uses the uniform number ``u[r, t]`` of one array made from ``seed``: rollouts replay, whatever
        ``max_rows`` is and whichever rows finish first (up to the rounding of differently shaped matrix products).
        Where the prompts are part of a longer list, ``first`` is the number of their first row there.

        A completion that reaches the model's context ends with "length".

        Raises:
            ValueError: an empty prompt, a prompt that fills the context, ``n`` or ``max_new_tokens`` below 1,
                temperature below 0, top_p not in (0, 1].
        """
        context = context_of(self.model)
        check_sampling(prompts, n, temperature, top_p, max_new_tokens, context)
        total = len(prompts) * n
        noise = torch.rand(
            first + total,
            max_new_tokens,
            dtype=torch.float64,
            generator=generator(seed, "rollouts"),
        )[first:]
        # stable: a group stays together
        order = sorted(range(total), key=lambda r: len(prompts[r // n]))
        stops = _Stops(self.tokenizer, stop) if stop else None
        ids: list = [None] * total
        logprobs: list = [None] * total
        finish: list = [None] * total
        was_training = self.model.training
        self.model.eval()
        try:
            for rows in self._cut(order, [len(prompts[r // n]) for r in order], max_new_tokens):
                out = self._decode(
                    [prompts[r // n] for r in rows], noise[rows], temperature, top_p, stops
                )
                for r, *row in zip(rows, *out, strict=True):
                    ids[r], logprobs[r], finish[r] = row
        finally:
            self.model.train(was_training)
        texts = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return Completions(ids, logprobs, finish, texts)

    def rest(self) -> None:
        """Nothing to do: it keeps no weights and no memory of its own (see ``samplers.Sampler``)."""

    def _cut(self, order: list[int], lengths: list[int], new: int) -> Iterator[list[int]]:
        """``order``, whose prompts' ``lengths`` grow, in batches that the memory holds; a row at least."""
        room = self.cache_gb * 2**30 / cache_bytes(self.model)  # tokens
        while order:
            rows = 1
            while (
                rows < min(self.max_rows, len(order)) and (rows + 1) * (lengths[rows] + new) <= room
            ):
                rows += 1
            yield order[:rows]
            order, lengths = order[rows:], lengths[rows:]

    @torch.no_grad()  # not inference_mode: tensors cached in the model must stay usable for training
    def _decode(
        self, prompts: list[list[int]], noise: torch.Tensor, temperature, top_p, stops
    ) -> tuple:
        """Decode rows of one batch. ``noise`` (B, T) in [0, 1). Returns ids, log-probs and finish, in row order."""
        device = self.model.device
        noise = noise.to(device)
        batch, steps = noise.shape
        eos = torch.tensor(self.eos_ids, device=device)
        logits, cache, lengths = _prefill(self.model, prompts, steps)
        width = cache.layers[0].used
        keep_prompt = torch.arange(width + steps, device=device) < lengths[:, None]
        # generated columns; the cache shows only those written so far
        keep_prompt[:, width:] = True
        mask = torch.zeros(keep_prompt.shape, dtype=cache.layers[0].keys.dtype, device=device)
        mask.masked_fill_(~keep_prompt, torch.finfo(mask.dtype).min)
        mask = mask[:, None, None]  # (B, 1, 1, W)
        rows = torch.arange(batch, device=device)  # slot -> row
        out_ids = torch.zeros(batch, steps, dtype=torch.long, device=device)
        wide = torch.promote_types(logits.dtype, torch.float32)
        out_logprobs = torch.zeros(batch, steps, dtype=wide, device=device)
        out_len = torch.full((batch,), steps, device=device)
        finish = torch.zeros(batch, dtype=torch.long, device=device)
        room = context_of(self.model) - lengths  # tokens that a row may still have
        for t in range(steps):
            token, logprob = pick_tokens(logits, noise[rows, t], temperature, top_p)
            out_ids[rows, t], out_logprobs[rows, t] = token, logprob
            ended = torch.isin(token, eos)
            finish[rows[ended]] = FINISH.index("eos")
            if stops:
                hit = stops.hits(token, rows, out_ids, t) & ~ended
                finish[rows[hit]] = FINISH.index("stop")
                ended |= hit
            ended |= room[rows] <= t + 1
            out_len[rows[ended]] = t + 1
            if t + 1 == steps or ended.all():
                break
            if ended.any():
                token = _compact(ended, token, rows, lengths, mask, cache)
                alive = len(token)
                rows, lengths, mask = rows[:alive], lengths[:alive], mask[:alive]
            with attention_by(self.model.config, "dsmath_decode"):
                hidden = self.model.base_model(
                    input_ids=token[:, None],
                    position_ids=(lengths + t)[:, None],
                    attention_mask=mask[..., : width + t + 1],
                    past_key_values=cache,
                    use_cache=True,
                ).last_hidden_state
            logits = self.model.get_output_embeddings()(hidden[:, 0])
        n_tokens = out_len.tolist()
        return (
            [row[:k] for row, k in zip(out_ids.tolist(), n_tokens, strict=True)],
            [row[:k] for row, k in zip(out_logprobs.tolist(), n_tokens, strict=True)],
            [FINISH[f] for f in finish.tolist()],
        )


def cache_bytes(model: torch.nn.Module) -> int:
    """Bytes of the keys and values of one token, in the dtype of the weights."""
    c = model.config
    heads = getattr(c, "num_key_value_heads", None) or c.num_attention_heads
    size = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    return 2 * c.num_hidden_layers * heads * size * model.dtype.itemsize


def pick_tokens(
    logits: torch.Tensor, u: torch.Tensor, temperature: float, top_p: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """One token per row by inverting the cumulative distribution at ``u``.

    Args:
        logits: (B, V). u: (B,) float64 in [0, 1).

    Returns:
        token ids (B,) and their log-probs (B,), at least in float32.
    """
    logprobs = torch.log_softmax(at_least_float32(logits) / (temperature or 1.0), dim=-1)
    if temperature == 0:
        token = logprobs.argmax(-1)
        return token, logprobs.gather(1, token[:, None])[:, 0]
    if top_p < 1:
        logprobs = _nucleus(logprobs, top_p)
    # float32 sums would lose rare tokens of a large vocabulary
    cdf = logprobs.exp().cumsum(-1, dtype=torch.float64)  # (B, V)
    token = torch.searchsorted(cdf, (u * cdf[:, -1])[:, None], right=True)  # (B, 1)
    token.clamp_(max=cdf.shape[1] - 1)
    return token[:, 0], logprobs.gather(1, token)[:, 0]


def _nucleus(logprobs: torch.Tensor, top_p: float) -> torch.Tensor:
    """Log-probs (B, V) renormalised over each row's nucleus; -inf outside it."""
    ordered, index = logprobs.sort(-1, descending=True)
    # mass of the more likely tokens; 0 for the first
    before = ordered.exp().cumsum(-1) - ordered.exp()
    ordered = ordered.masked_fill(before >= top_p, -torch.inf)
    kept = torch.empty_like(logprobs).scatter_(1, index, ordered)
    return kept - kept.logsumexp(-1, keepdim=True)


def _decode_attention(module, query, key, value, attention_mask, scaling=None, **kwargs) -> tuple:
    """One query per row: transformers would copy grouped keys for every head, as it has a mask."""
    out = torch.nn.functional.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=attention_mask,
        scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return out.transpose(1, 2), None


AttentionInterface.register("dsmath_decode", _decode_attention)


class _Slots(CacheLayerMixin):
    """Keys and values of one layer, (B, H, W, D) allocated once; row ``i`` belongs to slot ``i``."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, counts: torch.Tensor, room: int):
        super().__init__()
        self.used = keys.shape[2]
        self.keys, self.values = (self._allocate(x, counts, room) for x in (keys, values))
        self.is_initialized = True

    def _allocate(self, x: torch.Tensor, counts: torch.Tensor, room: int) -> torch.Tensor:
        _, heads, width, size = x.shape
        out = x.new_empty(int(counts.sum()), heads, width + room, size)
        out[:, :, :width] = x.repeat_interleave(counts, dim=0)
        return out

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the prefill has filled it."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs
    ) -> tuple:
        batch, end = len(key_states), self.used + key_states.shape[2]
        self.keys[:batch, :, self.used : end] = key_states
        self.values[:batch, :, self.used : end] = value_states
        self.used = end
        return self.keys[:batch, :, :end], self.values[:batch, :, :end]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.used + query_length, 0

    def get_seq_length(self) -> int:
        return self.used

    def get_max_length(self) -> int:
        return self.keys.shape[2]


def _prefill(model: torch.nn.Module, prompts: list[list[int]], room: int) -> tuple:
    """Run each distinct prompt once. Equal prompts must be neighbours.

    Returns:
        logits of the first new token (B, V), the cache with ``room`` free columns, prompt lengths (B,).
    """
    distinct, counts = [prompts[0]], [0]
    for p in prompts:
        if p != distinct[-1]:
            distinct.append(p)
            counts.append(0)
        counts[-1] += 1
    device = model.device
    width = max(map(len, distinct))
    # padding on the right: no one looks at it
    ids = torch.tensor([p + [0] * (width - len(p)) for p in distinct], device=device)
    lengths = torch.tensor([len(p) for p in distinct], device=device)
    counts = torch.tensor(counts, device=device)
    out = model.base_model(input_ids=ids, past_key_values=DynamicCache(), use_cache=True)
    last = out.last_hidden_state[torch.arange(len(ids), device=device), lengths - 1]
    logits = model.get_output_embeddings()(last)
    layers = [_Slots(x.keys, x.values, counts, room) for x in out.past_key_values.layers]
    return (
        logits.repeat_interleave(counts, dim=0),
        Cache(layers=layers),
        lengths.repeat_interleave(counts),
    )


def _compact(ended, token, rows, lengths, mask, cache) -> torch.Tensor:
    """Move running rows from the tail into the slots of ended ones, in place; returns their newest tokens.

    Only as many rows are copied as ended, so leaving the batch costs less than staying for one more step.
    """
    alive = len(ended) - int(ended.sum())
    holes = ended[:alive].nonzero()[:, 0]
    tail = (~ended[alive:]).nonzero()[:, 0] + alive
    for x in (token, rows, lengths, mask):
        x[holes] = x[tail]
    for layer in cache.layers:
        used = layer.used
        layer.keys[holes, :, :used] = layer.keys[tail, :, :used]
        layer.values[holes, :, :used] = layer.values[tail, :, :used]
    return token[:alive]


class _Stops:
    """Finds stop strings. Text is decoded only for rows whose newest token could end one."""

    def __init__(self, tokenizer, stop: tuple[str, ...]):
        if not all(stop):
            raise ValueError("an empty stop string")
        self.tokenizer, self.stop = tokenizer, stop
        self.tail = max(len(s.encode()) for s in stop) + 1  # a token has at least one byte
        lasts = {s[-1] for s in stop} | {"\ufffd"}  # � : the token is a part of a character
        pieces = tokenizer.batch_decode([[i] for i in range(len(tokenizer))])
        self.may_end = torch.tensor([not lasts.isdisjoint(p) for p in pieces])

    def hits(
        self, token: torch.Tensor, rows: torch.Tensor, out_ids: torch.Tensor, t: int
    ) -> torch.Tensor:
        """(B,) bool: the completion of each row now contains a stop string."""
        token = token.cpu()
        known = token < len(self.may_end)  # embeddings may be padded beyond the tokenizer
        maybe = (known & self.may_end[token * known]).nonzero()[:, 0]
        found = torch.zeros(len(token), dtype=torch.bool)
        if len(maybe):
            ids = out_ids[rows[maybe.to(rows.device)], max(0, t + 1 - self.tail) : t + 1].tolist()
            texts = self.tokenizer.batch_decode(ids)
            found[maybe] = torch.tensor([any(s in text for s in self.stop) for text in texts])
        return found.to(rows.device)
