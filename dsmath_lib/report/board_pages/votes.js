// Eight samples of one question: Pass@K and Maj@K. `scores` counts all sets of K; the tests hold it against the library.

function subsets(items, k) {
  if (k === 0) return [[]];
  return items.flatMap((x, i) => subsets(items.slice(i + 1), k - 1).map((rest) => [x, ...rest]));
}

// One vote: answers are numbers, 0 is right, null casts no vote; a tie is drawn.
function majority(answers) {
  const votes = new Map();
  for (const a of answers) if (a !== null) votes.set(a, (votes.get(a) || 0) + 1);
  const most = Math.max(0, ...votes.values()), winners = [...votes.keys()].filter((a) => votes.get(a) === most);
  return winners.length ? winners.filter((a) => a === 0).length / winners.length : 0;
}

// s: {answers: [0 right, 1 or 2 wrong, null none]} -> [{k, pass, maj}] for K = 1 … n
function scores(s) {
  return s.answers.map((_, i) => {
    const sets = subsets(s.answers, i + 1), mean = (f) => sets.reduce((x, y) => x + f(y), 0) / sets.length;
    return { k: i + 1, pass: mean((y) => Number(y.includes(0))), maj: mean(majority) };
  });
}

const NAMES = ["18 ✓ right", "16 ✗", "20 ✗", "no answer"], VALUES = [0, 1, 2, null];

function start(root) {
  const s = { answers: [0, 0, 0, 1, 1, 1, 1, 2] };
  const samples = make("div", { class: "answers" }), shown = make("div", { "aria-live": "polite" });
  function draw() {
    const out = scores(s), line = (key) => out.map((r) => [r.k, r[key]]);
    const words = out.map((r) => `K ${r.k}: Pass ${r.pass.toFixed(2)}, Maj ${r.maj.toFixed(2)}`).join("; ");
    shown.replaceChildren(plot({ "Pass@K": line("pass"), "Maj@K": line("maj") }, null, words),
      make("table", {}, row("th", "K", ...out.map((r) => String(r.k))),
        row("td", "Pass@K", ...out.map((r) => r.pass.toFixed(2))), row("td", "Maj@K", ...out.map((r) => r.maj.toFixed(2)))));
  }
  const guess = predict("Predict: from K = 1 to K = 8, what does Maj@K do?", () => ["it ends higher", "it ends lower", "it ends where it began"],
    () => { const out = scores(s), d = out[out.length - 1].maj - out[0].maj; return [d > 1e-9 ? 0 : d < -1e-9 ? 1 : 2]; },
    (open) => { shown.hidden = !open; draw(); });
  function list() {
    samples.replaceChildren(...s.answers.map((a, i) => choice(`sample ${i + 1}`, NAMES.map((n, j) => [String(j), n]), String(VALUES.indexOf(a)),
      (v) => { s.answers[i] = VALUES[Number(v)]; guess.reset(); })));
  }
  root.append(samples, guess.node, shown);
  list(); guess.reset();
}
