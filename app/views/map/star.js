const SVG = "http://www.w3.org/2000/svg"
const FAR = 5 // an arrow key with Shift goes as far as five
const draw = (tag, attributes, parent) => {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  parent.append(element)
  return element
}
const write = (tag, className, parent, text = "") => {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  parent.append(element)
  return element
}
// A text is only set when it changes, so that a screen reader says what is new.
const say = (element, text) => element.textContent === text || (element.textContent = text)

export default function ({ data, parentElement }) {
  const { tiles, cells, words, start } = data
  const [left, low, right, high] = data.box
  const unit = (high - low) / 100
  const had = parentElement.querySelector(".star")
  const focused = had?.contains(parentElement.activeElement)
  const root = document.createElement("div")
  root.className = "star"
  had ? had.replaceWith(root) : parentElement.append(root)
  // The plane's y grows upwards, that of a picture downwards.
  const svg = draw("svg", { viewBox: `${left} ${-high} ${right - left} ${high - low}`, tabindex: 0, role: "application" }, root)
  svg.setAttribute("aria-label", `${words.star}: ${data.question}. ${words.keys}`)
  const mosaic = draw("g", {}, svg)
  const shapes = tiles.map((tile) => {
    const points = tile.corners.map(([x, y]) => `${x},${-y}`).join(" ")
    return draw("polygon", { points, fill: data.colours[tile.cell], stroke: data.colours[tile.cell] }, mosaic)
  })
  for (const { dot } of tiles) draw("circle", { cx: dot[0], cy: -dot[1], r: 0.5 * unit, class: "dot" }, svg)
  for (const [name, x, y] of data.names) {
    draw("text", { x, y: -y, "font-size": data.letters }, svg).textContent = name
  }
  draw("circle", { cx: start[0], cy: -start[1], r: 1.2 * unit, class: "home" }, svg)
  const pull = draw("line", { x1: start[0], y1: -start[1], class: "pull" }, svg)
  const star = draw("g", { class: "handle" }, svg)
  const rays = [...Array(10).keys()].map((i) => {
    const [far, angle] = [(i % 2 ? 1.4 : 3.2) * unit, (Math.PI * i) / 5]
    return `${far * Math.sin(angle)},${-far * Math.cos(angle)}`
  })
  draw("circle", { r: 4.2 * unit, class: "ring" }, star)
  draw("polygon", { points: rays.join(" "), class: "halo" }, star)
  draw("polygon", { points: rays.join(" "), fill: data.star, class: "rays" }, star)

  const panel = write("div", "panel", root)
  const live = write("div", "live", panel)
  live.setAttribute("aria-live", "polite")
  const row = (className, label, parent) => {
    write("div", "label", parent, label)
    return write("div", className, parent)
  }
  const routed = row("cell", words.routed, live)
  const answer = row("answer", words.answer, live)
  const verdict = write("div", "verdict", live)
  const margin = row("margin", words.margin, panel)
  const bar = write("div", "bar", write("div", "track", panel))
  const cache = row("cache", words.cache, panel)
  const under = row("under", words.under, panel)
  const share = row("share", words.share, panel)
  const differs = write("div", "differs", panel, words.differs)
  write("div", "keys", panel, words.keys)
  const widest = Math.max(...tiles.flatMap((tile) => tile.margins))

  let shown = -1
  const move = (x, y) => {
    x = Math.min(right, Math.max(left, x))
    y = Math.min(high, Math.max(low, y))
    window.tesseraStar = { question: data.question, x, y } // Streamlit may mount the component anew
    const away = ([a, b]) => Math.hypot(x - a, y - b)
    const tile = tiles.reduce((best, other) => (away(other.dot) < away(best.dot) ? other : best))
    // How far the star is on the way from the question's place to the passage's dot, in steps of the vector.
    const last = tile.cells.length - 1
    const way = Math.hypot(tile.dot[0] - start[0], tile.dot[1] - start[1])
    const step = away(start) ? Math.round(last * Math.min(1, away(start) / Math.max(way, 1e-9))) : 0
    const cell = tile.cells[step]
    star.setAttribute("transform", `translate(${x} ${-y})`)
    pull.setAttribute("x2", x)
    pull.setAttribute("y2", -y)
    if (cell !== shown) {
      shapes.forEach((shape, i) => shape.classList.toggle("routed", tiles[i].cell === cell))
      say(routed, cells[cell].name)
      say(answer, cells[cell].answer ?? words.none)
      answer.classList.toggle("none", cells[cell].answer === undefined)
      say(verdict, cells[cell].verdict ?? "")
      say(cache, cells[cell].cache)
      shown = cell
    }
    shapes.forEach((shape, i) => shape.classList.toggle("under", tiles[i] === tile))
    say(margin, tile.margins[step].toFixed(3))
    bar.style.width = (100 * tile.margins[step]) / widest + "%"
    say(under, `${tile.title} (${cells[tile.cell].name})`)
    say(share, Math.round((100 * step) / last) + " %")
    differs.style.visibility = tile.cell === cell ? "hidden" : "visible"
  }
  const at = window.tesseraStar?.question === data.question ? window.tesseraStar : { x: start[0], y: start[1] }
  move(at.x, at.y)
  if (focused) svg.focus()

  const go = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse())
    move(point.x, -point.y)
  }
  let held = false
  svg.onpointerdown = (event) => {
    // A finger drags the star alone, so that the page still scrolls over the map.
    if (event.pointerType !== "mouse" && !star.contains(event.target)) return
    held = true
    svg.setPointerCapture(event.pointerId)
    go(event)
  }
  svg.onpointermove = (event) => held && go(event)
  svg.onpointerup = svg.onpointercancel = () => (held = false)
  svg.onclick = go
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }
  svg.onkeydown = (event) => {
    const arrow = arrows[event.key]
    if (!arrow && event.key !== "Home") return
    event.preventDefault()
    event.stopPropagation()
    if (!arrow) return move(start[0], start[1])
    const { x, y } = window.tesseraStar
    const length = 2 * unit * (event.shiftKey ? FAR : 1)
    move(x + arrow[0] * length, y + arrow[1] * length)
  }
}
