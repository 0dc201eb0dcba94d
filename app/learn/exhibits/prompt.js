export default function ({ data, parentElement }) {
  const { head, passages, tail, runs, gold, words } = data
  const [root, state] = mount(parentElement, "prompt", data.question)
  const controls = el("div", "controls", root)
  const live = el("div", "figures", root)
  const figure = (label) => {
    const box = el("div", "figure", live)
    el("div", "label", box, label)
    return el("b", "", box)
  }
  const [tokens, prefill, first] = [words.tokens, words.prefill, words.first].map(figure)
  const answer = el("p", "answer", root)
  answer.setAttribute("aria-live", "polite")
  const paper = el("div", "paper", root)
  paper.tabIndex = 0
  paper.setAttribute("role", "region")
  paper.setAttribute("aria-label", words.paper)
  let shown = []
  const piece = (className, parts, title) => {
    const box = el("div", `piece ${className}`, paper)
    el("span", "label", box, `${title} · ${parts.length}`)
    const text = el("div", "tokens", box)
    shown.push(...parts.map((part) => el("span", "", text, part)))
  }
  const run = () => runs[state.k - 1]
  const spans = () => Object.fromEntries(run().trace.spans.map(([name, start, length]) => [name, { start, length }]))
  const finish = () => {
    shown.forEach((token) => (token.className = "read"))
    say(tokens, String(shown.length))
    say(answer, `${words.answer} ${run().answer} ${run().right ? "✓" : "✗"}`)
  }
  const draw = (k) => {
    film.stop()
    state.k = k
    paper.replaceChildren()
    shown = []
    piece("head", head, words.head)
    for (const passage of passages.slice(0, k)) {
      piece(passage.id === gold ? "gold" : "passage", passage.tokens, `${passage.title} · ${passage.score.toFixed(2)}`)
    }
    piece("tail", tail, words.tail)
    say(prefill, ms(spans().prefill.length))
    say(first, ms(run().trace.ttft_ms))
    finish()
  }
  // The clock runs from the question on: encoding and searching come first, then the tokens are read.
  const film = player(
    root,
    (now) => {
      const { start, length } = spans().prefill
      const done = Math.round(shown.length * Math.max(0, Math.min(1, (now - start) / length)))
      shown.forEach((token, i) => (token.className = i < done ? "read" : ""))
      say(tokens, `${done} / ${shown.length}`)
      if (done && done < shown.length) {
        const here = shown[done]
        paper.scrollTop = here.offsetTop - paper.offsetTop - paper.clientHeight / 2
      }
      now < run().trace.ttft_ms ? say(answer, words.reading) : finish()
    },
    () => pace(),
  )
  const set = slider(controls, words.passages, 1, passages.length, state.k ?? 3, draw)
  press(controls, `▶ ${words.play}`, () => film.play(run().trace.ttft_ms))
  const pace = slowly(controls, words.slow)
  set(state.k ?? 3)
}
