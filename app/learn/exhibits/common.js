// What all exhibits share: elements, controls that a keyboard works, and playing at a recorded pace.
const el = (tag, className, parent, text = "") => {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  parent?.append(element)
  return element
}
const svg = (tag, attributes, parent, text = "") => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.textContent = text
  parent?.append(element)
  return element
}
// A text is only set when it changes, so that a screen reader says what is new.
const say = (element, text) => element.textContent === text || (element.textContent = text)
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name])
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
const signed = (text) => new Int8Array(bytes(text).buffer)
const ms = (value) => (value < 1000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(2)} s`)
const weight = (value) => (value < 1e6 ? `${(value / 1e3).toFixed(value < 1e4 ? 1 : 0)} KB` : `${(value / 1e6).toFixed(1)} MB`)
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches

// Streamlit may mount a component anew: what was chosen stays, by name and by what it is about.
const kept = (globalThis.tesseraLearn ??= {})
const mount = (parentElement, name, about) => {
  const root = el("div", `exhibit ${name}`, null)
  const had = parentElement.querySelector(".exhibit")
  had ? had.replaceWith(root) : parentElement.append(root)
  if (kept[name]?.about !== about) kept[name] = { about }
  return [root, kept[name]]
}
const slider = (parent, label, min, max, value, onchange, shown = String) => {
  const box = el("label", "slider", parent)
  el("span", "label", box, label)
  const input = el("input", "", box)
  Object.assign(input, { type: "range", min, max, step: 1, value })
  const output = el("output", "", box)
  const set = (to) => {
    input.value = to
    input.setAttribute("aria-valuetext", shown(+to))
    say(output, shown(+to))
    onchange(+to)
  }
  input.oninput = () => set(input.value)
  return set
}
const choice = (parent, label, names, chosen, onchange) => {
  const box = el("fieldset", "choice", parent)
  el("legend", "label", box, label)
  const group = `choice-${label}-${Math.random()}`
  names.forEach((name, i) => {
    const one = el("label", "", box)
    const input = el("input", "", one)
    Object.assign(input, { type: "radio", name: group, checked: i === chosen })
    el("span", "", one, name)
    input.onchange = () => onchange(i)
  })
  return box
}
const select = (parent, label, names, chosen, onchange) => {
  const box = el("label", "select", parent)
  el("span", "label", box, label)
  const input = el("select", "", box)
  names.forEach((name, i) => Object.assign(el("option", "", input, name), { value: i, selected: i === chosen }))
  input.onchange = () => onchange(+input.value)
  return input
}
const press = (parent, label, onclick, className = "press") => {
  const button = el("button", className, parent, label)
  button.type = "button"
  button.onclick = onclick
  return button
}
// Calls draw(ms) at the true pace, or slower, until it is over; a second call ends the first.
const player = (element, draw, pace = () => 1) => {
  let run = 0
  const stop = () => run++
  const play = (length) => {
    const mine = ++run
    let [clock, before] = [0, performance.now()]
    const tick = (now) => {
      if (mine !== run || !element.isConnected) return
      clock = Math.min(length, clock + Math.max(0, now - before) * pace())
      before = now
      draw(clock)
      if (clock < length) requestAnimationFrame(tick)
    }
    still() ? draw(length) : requestAnimationFrame(tick)
  }
  return { play, stop }
}
const slowly = (parent, label) => {
  const box = el("label", "tick", parent)
  const input = el("input", "", box)
  input.type = "checkbox"
  el("span", "", box, label)
  return () => (input.checked ? 0.1 : 1)
}
// Blue below zero, orange above: the stronger, the larger the number.
const heat = (canvas, numbers, columns) => {
  const rows = numbers.length / columns
  Object.assign(canvas, { width: columns, height: rows })
  const picture = new ImageData(columns, rows)
  numbers.forEach((number, i) => {
    const strength = Math.min(1, Math.abs(number) / 90)
    picture.data.set([...(number < 0 ? [47, 127, 193] : [214, 120, 20]), 30 + 225 * strength], 4 * i)
  })
  canvas.getContext("2d").putImageData(picture, 0, 0)
}
