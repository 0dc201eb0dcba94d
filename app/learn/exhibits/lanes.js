export default function ({ data, parentElement }) {
  const { read, blocks, colours, words } = data
  const [root, state] = mount(parentElement, "lanes", data.question)
  state.k ??= 3
  const controls = el("div", "controls", root)
  const lanes = [
    [words.read, read],
    [words.blocks, blocks],
  ].map(([name, runs]) => {
    const box = el("div", "lane", root)
    const top = el("div", "top", box)
    el("strong", "", top, name)
    const watch = el("b", "watch", top)
    const doing = el("span", "doing", top)
    const track = el("div", "track", box)
    const said = el("div", "said", box)
    return { runs, watch, doing, track, said }
  })
  const sum = el("p", "sum", root)
  sum.setAttribute("aria-live", "polite")
  const traces = () => lanes.map(({ runs }) => runs[state.k - 1].trace)
  const longest = () => Math.max(...traces().map((trace) => trace.total_ms))
  const show = (now) => {
    lanes.forEach(({ runs, watch, doing, track, said }) => {
      const { trace, answer, right } = runs[state.k - 1]
      const at = Math.min(now, trace.total_ms)
      say(watch, ms(at))
      trace.spans.forEach(([, start, length], i) => {
        track.children[i].style.width = (100 * Math.max(0, Math.min(length, at - start))) / longest() + "%"
      })
      const over = now >= trace.total_ms
      const here = trace.spans.filter(([, start, length]) => start <= at && at < start + length).pop()
      const facts = fill(words.facts, { first: ms(trace.ttft_ms), tokens: trace.prompt_tokens, cached: trace.cached_tokens })
      say(doing, over ? facts : here ? words.spans[here[0]] ?? here[0] : "")
      say(said, over ? `${answer} ${right ? "✓" : "✗"}` : at >= trace.ttft_ms ? "…" : "")
    })
  }
  const draw = (k) => {
    film.stop()
    state.k = k
    for (const { runs, track } of lanes) {
      track.replaceChildren()
      for (const [name, start] of runs[k - 1].trace.spans) {
        const bar = el("i", "", track)
        bar.style.background = colours[name] ?? "#8a90a0"
        bar.style.left = (100 * start) / longest() + "%"
        bar.title = words.spans[name] ?? name
      }
    }
    const [slow, fast] = traces()
    const values = { times: (slow.ttft_ms / fast.ttft_ms).toFixed(1), saved: slow.prompt_tokens - fast.prompt_tokens }
    say(sum, fill(words.sum, values))
    show(longest())
  }
  const film = player(root, show, () => pace())
  const set = slider(controls, words.passages, 1, read.length, state.k, draw)
  press(controls, `▶ ${words.play}`, () => film.play(longest()))
  const pace = slowly(controls, words.slow)
  set(state.k)
}
