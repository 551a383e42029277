"""Learning rates as pure functions of the step, counted from 0."""


def multi_step(
    step: int,
    *,
    peak: float,
    warmup: int,
    total: int,
    marks: tuple[float, float] = (0.8, 0.9),
    factors: tuple[float, float] = (0.316, 0.10),
) -> float:
    """The paper's schedule (§2.2): warm-up to ``peak``, × 0.316 after 80 % of steps, × 0.10 after 90 %.

    The paper gives the length of the warm-up and not its shape; ours is linear, from ``peak / warmup``.
    Both factors multiply the peak: 5.3e-4, then 1.675e-4, then 5.3e-5.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    if step >= marks[1] * total:
        return peak * factors[1]
    if step >= marks[0] * total:
        return peak * factors[0]
    return peak


def constant(step: int, *, peak: float, warmup: int = 0) -> float:
    """The paper's rate for fine-tuning (§3.2): constant, here after an optional linear warm-up."""
    return peak * (step + 1) / warmup if step < warmup else peak


def constant_then_low(step: int, *, peak: float, warmup: int, total: int, low: int) -> float:
    """``constant``, then a tenth of it in the last ``low`` of ``total`` steps.

    The paper has no low part (``low = 0``). A small model at a high rate ends in noise, which it takes away.
    """
    return peak * 0.1 if step >= total - low else constant(step, peak=peak, warmup=warmup)
