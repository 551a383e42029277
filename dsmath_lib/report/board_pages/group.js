// A group of answers to play with. `pushes` is the arithmetic of Eq. 3 and Eq. 21; the tests hold it against the library.

// s: {answers: [{reward, length, ratio}], eps, beta, logx, sample, norm, scale} -> numbers of each answer's tokens.
// logx: log of reference over policy, the same for all tokens. Every token of an answer has the answer's ratio.
function pushes(s) {
  const G = s.answers.length, rewards = s.answers.map((a) => a.reward);
  const mean = rewards.reduce((x, y) => x + y, 0) / G;
  const squares = rewards.reduce((x, r) => x + (r - mean) ** 2, 0);
  const std = Math.sqrt(squares / (s.sample ? G - 1 : G));
  const tokens = s.answers.reduce((x, a) => x + a.length, 0);
  const x = Math.exp(s.logx), kl = x - s.logx - 1;
  let loss = 0;
  const rows = s.answers.map((a) => {
    const flat = std < 1e-12;
    const advantage = flat ? 0 : (a.reward - mean) / (s.scale ? std : 1);
    const clipped = Math.min(Math.max(a.ratio, 1 - s.eps), 1 + s.eps);
    const plain = a.ratio * advantage, bound = clipped * advantage;
    const stopped = bound < plain;  // the minimum is the clipped one, which does not move
    const weight = s.norm === "token" ? 1 / tokens : 1 / (G * a.length);
    const push = weight * ((stopped ? 0 : plain) + s.beta * (x - 1));
    loss -= weight * a.length * (Math.min(plain, bound) - s.beta * kl);
    return { advantage, stopped, weight, push };
  });
  return { rows, loss: loss === 0 ? 0 : loss, mean, std, signal: std > 1e-12 };
}

function start(root) {
  const s = {
    answers: [[1, 3], [0, 1], [0, 3], [1, 2]].map(([reward, length]) => ({ reward, length, ratio: 1 })),
    eps: 0.2, beta: 0.04, logx: 0, sample: false, norm: "sequence", scale: true,
  };
  const answers = make("div", { class: "answers" }), table = make("div", { "aria-live": "polite" });

  const strongest = (rows) => {
    const size = rows.map((r) => Math.abs(r.push)), most = Math.max(...size);
    return size.flatMap((v, i) => (most > 0 && v > most - 1e-12 ? [i] : []));
  };

  function draw() {
    const out = pushes(s), rows = out.rows;
    const most = Math.max(...rows.map((r) => Math.abs(r.push))), tall = Math.max(...rows.map((r) => Math.abs(r.advantage)));
    table.replaceChildren(make("table", {},
      make("caption", {}, `mean reward ${out.mean.toFixed(2)}, standard deviation ${out.std.toFixed(3)}, ` +
        (out.signal ? `loss ${out.loss.toFixed(4)}` : `no signal: all rewards are equal; loss ${out.loss.toFixed(4)}`)),
      make("tr", {}, ...[["answer", 1], ["advantage", 2], ["weight of a token", 1], ["push on each token", 3]].map(([h, n]) => make("th", { scope: "col", colspan: n }, h))),
      ...rows.map((r, i) => make("tr", {},
        make("th", { scope: "row" }, String(i + 1)), ...bar(r.advantage, tall, r.advantage.toFixed(3)),
        make("td", {}, r.weight.toFixed(4)), ...bar(r.push, most, r.push.toFixed(4)),
        make("td", {}, r.stopped ? "clipped: not pushed" : r.push > 0 ? "up" : r.push < 0 ? "down" : "–")))));
  }
  const guess = predict("Predict: whose tokens are pushed hardest?",
    () => [...s.answers.map((_, i) => String(i + 1)), "nobody's"],
    () => { const best = strongest(pushes(s).rows); return best.length ? best : [s.answers.length]; },
    (open) => { table.hidden = !open; draw(); });
  const changed = () => guess.reset();

  function list() {
    answers.replaceChildren(...s.answers.map((a, i) => make("fieldset", {},
      make("legend", {}, `answer ${i + 1}`),
      make("button", {
        type: "button", "aria-pressed": String(a.reward === 1), "aria-label": `answer ${i + 1} is ${a.reward ? "right" : "wrong"}`,
        onclick: () => { a.reward = 1 - a.reward; list(); changed(); },
      }, a.reward ? "✓ right, reward 1" : "✗ wrong, reward 0"),
      slider("tokens", a.length, 1, 20, 1, (v) => { a.length = v; changed(); }),
      slider("ratio ρ", a.ratio, 0.5, 1.5, 0.05, (v) => { a.ratio = v; changed(); }))));
  }
  const resize = (n) => {
    while (s.answers.length > n) s.answers.pop();
    while (s.answers.length < n) s.answers.push({ reward: 0, length: 3, ratio: 1 });
    list(); changed();
  };
  root.append(
    answers,
    make("div", { class: "globals" },
      slider("answers G", 4, 2, 8, 1, resize),
      slider("clip ε", s.eps, 0, 0.5, 0.05, (v) => { s.eps = v; changed(); }),
      slider("KL weight β", s.beta, 0, 0.5, 0.02, (v) => { s.beta = v; changed(); }),
      slider("log π_ref − log π_θ", s.logx, -2, 2, 0.1, (v) => { s.logx = v; changed(); }),
      choice("standard deviation", [["0", "divides by G"], ["1", "divides by G − 1"], ["none", "not used (Dr. GRPO)"]], "0",
        (v) => { s.scale = v !== "none"; s.sample = v === "1"; changed(); }),
      choice("weight", [["sequence", "1/(G·|o|), the paper's"], ["token", "1/all tokens"]], "sequence", (v) => { s.norm = v; changed(); })),
    guess.node, table);
  list(); changed();
}
