export default function ({ data, parentElement }) {
  const { tokens, layers, words } = data
  const [root, state] = mount(parentElement, "rows", data.text)
  state.layer ??= 1
  state.token ??= tokens.length - 1
  const controls = el("div", "controls", root)
  const perLayer = tokens.length * 2 * data.kv_heads * data.head_dim * data.number_bytes
  const stage = el("div", "stage", root)
  const list = el("div", "words", stage)
  list.setAttribute("role", "radiogroup")
  list.setAttribute("aria-label", words.words)
  const marks = tokens.map((token, i) => {
    const one = el("button", "", list, token.trim() || "␣")
    one.type = "button"
    one.setAttribute("role", "radio")
    one.onclick = one.onpointerenter = () => look(i)
    one.onkeydown = (event) => {
      const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key]
      if (!by) return
      event.preventDefault()
      look((i + by + tokens.length) % tokens.length)
      marks[state.token].focus()
    }
    return one
  })
  const pictures = ["K", "V"].map((name) => {
    const box = el("div", "heat", stage)
    el("div", "label", box, `${name}: ${words.parts[name]}`)
    const canvas = el("canvas", "", box)
    canvas.style.height = `${1.25 * tokens.length}rem`
    return canvas
  })
  const panel = el("div", "panel", stage)
  const stack = svg("svg", { viewBox: "0 0 130 124", class: "stack", "aria-hidden": "true" }, panel)
  const sheets = [...Array(layers).keys()].map((i) => {
    const y = 112 - i * (100 / layers)
    return svg("path", { d: `M 6 ${y} l 26 -10 h 90 l -26 10 z` }, stack)
  })
  const live = el("div", "", panel)
  live.setAttribute("aria-live", "polite")
  const size = el("div", "large", live)
  const sum = el("div", "label", live)
  const seen = el("p", "", panel)
  const look = (token) => {
    state.token = token
    const share = bytes(data.looks[state.layer - 1])
    marks.forEach((mark, i) => {
      const part = i <= token ? share[token * tokens.length + i] / 255 : 0
      mark.style.setProperty("--seen", Math.min(1, 2.5 * part).toFixed(3))
      mark.setAttribute("aria-checked", i === token)
      mark.tabIndex = i === token ? 0 : -1
    })
    const best = [...Array(token).keys()].sort((a, b) => share[token * tokens.length + b] - share[token * tokens.length + a])
    const top = best.slice(0, 3).map((i) => `${tokens[i].trim() || "␣"} ${Math.round(share[token * tokens.length + i] / 2.55)} %`)
    say(seen, fill(words.seen, { token: tokens[token].trim(), layer: state.layer, top: top.join(", ") || "–" }))
  }
  const draw = (layer) => {
    state.layer = layer
    pictures.forEach((canvas, i) => {
      heat(canvas, signed(data.rows[layer - 1][i]), data.head_dim)
      canvas.setAttribute("role", "img")
      canvas.setAttribute("aria-label", `${"KV"[i]}, ${layer}`)
    })
    sheets.forEach((sheet, i) => sheet.setAttribute("class", i < layer ? (i === layer - 1 ? "now" : "full") : ""))
    say(size, weight(layer * perLayer))
    const factors = { tokens: tokens.length, heads: data.kv_heads, numbers: data.head_dim, bytes: data.number_bytes, layer }
    say(sum, fill(words.product, factors))
    look(state.token)
  }
  const set = slider(controls, words.layer, 1, layers, state.layer, (to) => (film.stop(), draw(to)), (n) => `${n} / ${layers}`)
  const film = player(root, (now) => {
    const layer = 1 + Math.floor((now / 4000) * (layers - 1))
    if (layer === state.layer) return
    controls.querySelector("input").value = layer
    say(controls.querySelector("output"), `${layer} / ${layers}`)
    draw(layer)
  })
  press(controls, `▶ ${words.play}`, () => film.play(4000))
  set(state.layer)
}
