export default function ({ data, parentElement }) {
  const { stages, without, words } = data
  const [root, state] = mount(parentElement, "words", data.title)
  const last = stages.length - 1
  state.stage ??= last
  state.erased ??= -1
  const controls = el("div", "controls", root)
  const set = slider(controls, words.way, 0, last, state.stage, (to) => {
    state.stage = to
    if (to !== last) state.erased = -1
    draw()
  }, (to) => `${Math.round(100 * stages[to].share)} %`)
  const whole = press(controls, words.whole, () => ((state.erased = -1), draw()))
  const grid = el("div", "grid", root)
  grid.setAttribute("role", "group")
  grid.setAttribute("aria-label", words.grid)
  const marks = without.map((_, i) =>
    press(grid, "", () => {
      const again = state.erased === i
      state.stage = last
      state.erased = again ? -1 : i
      set(last)
      draw()
    }, "word"),
  )
  const live = el("div", "result", root)
  live.setAttribute("aria-live", "polite")
  const note = el("div", "label", live)
  const said = el("p", "said", live)
  const answer = el("div", "large", live)
  const sum = el("p", "sum", root)
  const right = without.filter((one) => one.right).length
  say(sum, fill(words.sum, { right, all: without.length }))
  const draw = () => {
    const stage = stages[state.stage]
    const shown = state.erased < 0 ? stage : without[state.erased]
    marks.forEach((mark, i) => {
      say(mark, stage.words[i] || "·")
      mark.classList.toggle("gone", i === state.erased)
      mark.classList.toggle("fatal", !without[i].right)
      mark.setAttribute("aria-pressed", i === state.erased)
      mark.setAttribute("aria-label", fill(words.vector, { number: i + 1, word: stage.words[i] || "·" }))
    })
    whole.disabled = state.erased < 0
    const values = { number: state.erased + 1, share: Math.round(100 * stage.share), cosine: stage.cosine.toFixed(2) }
    say(note, fill(state.erased < 0 ? words.stage : words.gone, values))
    say(said, `“${shown.evidence || words.nothing}”`)
    say(answer, `${shown.answer || words.nothing} ${shown.right ? "✓" : "✗"}`)
  }
  set(state.stage)
}
