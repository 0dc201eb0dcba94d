(() => {
  const box = [...document.querySelectorAll(".race")].pop()
  if (!box || box.dataset.ready) return
  box.dataset.ready = "1"
  const bytes = Uint8Array.from(atob(box.dataset.race), (c) => c.charCodeAt(0))
  const { lanes, words } = JSON.parse(new TextDecoder().decode(bytes))
  const longest = Math.max(...lanes.map((lane) => lane.total))
  const make = (tag, className, text) => {
    const element = document.createElement(tag)
    element.className = className
    if (text) element.textContent = text
    return element
  }
  const bar = make("div", "race-bar")
  const start = make("button", "race-start", "▶ " + words.start)
  const slow = make("label", "race-slow")
  const slowly = make("input", "")
  slowly.type = "checkbox"
  slow.append(slowly, " " + words.slow + " ×¼")
  const full = make("button", "", words.full)
  bar.append(start, slow, full)
  box.append(bar)
  const drawn = lanes.map((lane) => {
    const row = make("div", "race-lane")
    row.style.borderLeftColor = lane.colour
    const head = make("div", "race-head")
    const watch = make("b", "race-watch", "0.00 s")
    const doing = make("span", "race-doing")
    head.append(make("strong", "", lane.name), watch, doing)
    const track = make("div", "race-track")
    const filled = lane.spans.map(([, colour, from]) => {
      const part = make("i", "")
      part.style.background = colour
      part.style.left = (100 * from) / longest + "%"
      track.append(part)
      return part
    })
    const text = make("div", "race-text")
    row.append(head, track, text)
    box.append(row)
    return { lane, watch, doing, filled, text }
  })
  const show = (ms) => {
    let finished = 0
    for (const { lane, watch, doing, filled, text } of drawn) {
      const now = Math.min(ms, lane.total)
      const over = ms >= lane.total
      watch.textContent = (now / 1000).toFixed(2) + " s"
      watch.classList.toggle("race-over", over)
      lane.spans.forEach(([, , from, length], i) => {
        filled[i].style.width = (100 * Math.max(0, Math.min(length, now - from))) / longest + "%"
      })
      const at = lane.spans.filter(([, , from, length]) => from <= now && now < from + length).pop()
      doing.textContent = over ? "✓ " + words.done : at ? at[0] : ""
      const said = (part) => lane.pieces.filter((p) => (over || p[0] <= now) && p[1] === part).map((p) => p[2]).join("").trim()
      text.textContent = said("answer") || said("evidence")
      text.classList.toggle("race-draft", !said("answer"))
      finished += over
    }
    return finished === drawn.length
  }
  let run = 0
  start.onclick = () => {
    const mine = ++run
    let clock = 0
    let before = performance.now()
    const tick = (now) => {
      if (mine !== run || !box.isConnected) return
      clock += (now - before) * (slowly.checked ? 0.25 : 1)
      before = now
      if (!show(clock)) requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
  }
  full.onclick = () => (document.fullscreenElement ? document.exitFullscreen() : box.requestFullscreen())
  show(longest)
})()
