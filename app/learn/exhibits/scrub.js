export default function ({ data, parentElement }) {
  const { steps, held_out: asked, words } = data
  const [root, state] = mount(parentElement, "scrub", data.title)
  const last = steps.length - 1
  state.step ??= 0
  const controls = el("div", "controls", root)
  const stage = el("div", "stage", root)
  const [width, height] = [320, 150]
  const picture = svg("svg", { viewBox: `-26 -8 ${width + 36} ${height + 26}`, role: "img" }, stage)
  const losses = steps.filter((step) => step.loss !== undefined)
  const most = Math.max(...losses.map((step) => step.loss))
  const x = (step) => (step / last) * width
  const y = (loss) => height - (loss / most) * height
  svg("path", { d: `M 0 0 V ${height} H ${width}`, class: "axis" }, picture)
  svg("text", { x: -6, y: 8, class: "tick end" }, picture, most.toFixed(1))
  svg("text", { x: -6, y: height, class: "tick end" }, picture, "0")
  svg("text", { x: width, y: height + 14, class: "tick end" }, picture, String(last))
  svg("path", { d: "M" + losses.map(({ step, loss }) => `${x(step)} ${y(loss)}`).join(" L "), class: "loss" }, picture)
  const looks = steps.filter((step) => step.evidence)
  for (const { step, coverage } of looks) {
    svg("circle", { cx: x(step), cy: height * (1 - coverage), r: 3.2, class: "dot" }, picture)
  }
  const needle = svg("line", { y1: 0, y2: height, class: "needle" }, picture)
  const panel = el("div", "panel", stage)
  const live = el("div", "", panel)
  live.setAttribute("aria-live", "polite")
  const figures = el("div", "label", live)
  const cards = asked.map(({ text }) => {
    const card = el("div", "card", live)
    el("div", "label", card, text)
    return el("p", "said", card)
  })
  const legend = el("div", "legend", panel)
  el("span", "line", legend, words.loss)
  el("span", "round", legend, words.held)
  const draw = (to) => {
    state.step = to
    const now = steps[to]
    const look = looks.filter(({ step }) => step <= to).pop()
    needle.setAttribute("x1", x(to))
    needle.setAttribute("x2", x(to))
    const loss = now.loss === undefined ? "–" : now.loss.toFixed(2)
    const right = Math.round(look.coverage * asked.length)
    say(figures, fill(words.figures, { step: to, loss, right, all: asked.length }))
    picture.setAttribute("aria-label", figures.textContent)
    asked.forEach(({ id, answers }, i) => {
      const said = look.evidence[id] || words.nothing
      const holds = answers.some((answer) => said.toLowerCase().includes(answer.toLowerCase()))
      say(cards[i], `${holds ? "✓" : "✗"} ${said}`)
      cards[i].classList.toggle("right", holds)
    })
  }
  const set = slider(controls, words.step, 0, last, state.step, (to) => (film.stop(), draw(to)), (n) => `${n} / ${last}`)
  const film = player(root, (now) => {
    const step = Math.round((now / 6000) * last)
    if (step === state.step) return
    controls.querySelector("input").value = step
    say(controls.querySelector("output"), `${step} / ${last}`)
    draw(step)
  })
  press(controls, `▶ ${words.play}`, () => film.play(6000))
  set(state.step)
}
