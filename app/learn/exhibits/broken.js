export default function ({ data, parentElement }) {
  const { cases, factors, whole, words } = data
  const [root, state] = mount(parentElement, "broken", data.question)
  state.factor ??= factors.length - 1
  state.at ??= Math.max(0, cases.findIndex((one) => one.said[factors.length - 1] !== whole))
  const controls = el("div", "controls", root)
  choice(controls, words.change, factors.map((f) => (f ? `× ${f}` : words.erased)), state.factor, (i) => {
    state.factor = i
    draw()
  })
  const grid = el("div", "grid", root)
  grid.setAttribute("role", "group")
  grid.setAttribute("aria-label", words.grid)
  const layers = cases.length / 2
  grid.style.setProperty("--columns", layers)
  const holes = cases.map((one, i) => {
    const hole = press(grid, "", () => ((state.at = i), draw()), "hole")
    hole.style.gridRow = one.part + 1
    hole.onkeydown = (event) => {
      const by = { ArrowLeft: -2, ArrowRight: 2, ArrowUp: -1, ArrowDown: 1 }[event.key]
      const to = i + by
      if (!by || !holes[to] || (Math.abs(by) === 1 && cases[to].layer !== one.layer)) return
      event.preventDefault()
      state.at = to
      draw()
      holes[to].focus()
    }
    return hole
  })
  const count = el("p", "sum", root)
  const live = el("div", "result", root)
  live.setAttribute("aria-live", "polite")
  const what = el("div", "label", live)
  const said = el("div", "large", live)
  const draw = () => {
    let changed = 0
    cases.forEach((one, i) => {
      const other = one.said[state.factor] !== whole
      changed += other
      holes[i].classList.toggle("other", other)
      holes[i].setAttribute("aria-pressed", i === state.at)
      holes[i].tabIndex = i === state.at ? 0 : -1
      say(holes[i], other ? "✗" : "")
      holes[i].setAttribute("aria-label", fill(words.hole, { part: "KV"[one.part], layer: one.layer + 1 }))
    })
    const one = cases[state.at]
    const factor = factors[state.factor]
    const to = (one.value * factor).toPrecision(4).replace(/\.?0+$/, "")
    const values = { part: "KV"[one.part], layer: one.layer + 1, token: one.token.trim(), from: one.value, to: +to }
    say(what, fill(words.what, values))
    say(said, `${one.said[state.factor] || words.nothing} ${one.said[state.factor] === whole ? "" : "✗"}`)
    say(count, fill(words.count, { changed, all: cases.length, numbers: data.numbers.toLocaleString("en"), whole }))
  }
  draw()
}
