export default function ({ data, parentElement }) {
  const { texts, cosines, vectors, words } = data
  const [root, state] = mount(parentElement, "angle", texts.join())
  const pair = (state.pair ??= data.pair)
  const controls = el("div", "controls", root)
  ;[0, 1].forEach((side) => {
    select(controls, words.texts[side], texts, pair[side], (i) => ((pair[side] = i), draw()))
  })
  const stage = el("div", "stage", root)
  const picture = svg("svg", { viewBox: "-120 -112 240 124", role: "img" }, stage)
  svg("line", { x1: -110, y1: 0, x2: 110, y2: 0, class: "ground" }, picture)
  const arc = svg("path", { class: "arc" }, picture)
  const arrows = ["a", "b"].map((name) => {
    const arrow = svg("g", { class: `arrow ${name}` }, picture)
    svg("line", { x1: 0, y1: 0, x2: 98, y2: 0 }, arrow)
    svg("path", { d: "M 104 0 L 93 -5 L 93 5 Z" }, arrow)
    return arrow
  })
  const names = ["A", "B"].map((name) => svg("text", { class: "name" }, picture, name))
  const panel = el("div", "panel", stage)
  const live = el("div", "", panel)
  live.setAttribute("aria-live", "polite")
  const angle = el("div", "large", live)
  const cosine = el("div", "", live)
  el("div", "label", panel, words.strips)
  const strips = [0, 1].map((side) => {
    const line = el("div", "strip", panel)
    el("b", "", line, "AB"[side])
    return el("canvas", "", line)
  })
  const draw = () => {
    const [a, b] = pair
    const value = Math.min(1, cosines[a][b])
    const turn = Math.acos(value)
    arrows[1].setAttribute("transform", `rotate(${(-turn * 180) / Math.PI})`)
    const at = (radius, by) => `${radius * Math.cos(by)} ${-radius * Math.sin(by)}`
    arc.setAttribute("d", `M ${at(38, 0)} A 38 38 0 0 0 ${at(38, turn)}`)
    names.forEach((name, i) => {
      const by = i ? turn : -0.07
      name.setAttribute("x", 112 * Math.cos(by))
      name.setAttribute("y", -106 * Math.sin(by) + (i && turn < 0.15 ? -8 : 0))
    })
    say(angle, `${Math.round((turn * 180) / Math.PI)}°`)
    say(cosine, fill(words.cosine, { value: value.toFixed(3) }))
    picture.setAttribute("aria-label", `${texts[a]} / ${texts[b]}: ${angle.textContent}`)
    strips.forEach((canvas, i) => heat(canvas, signed(vectors[pair[i]]), vectors.width ?? 384))
  }
  draw()
}
