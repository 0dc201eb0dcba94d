export default function ({ data, parentElement }) {
  const { questions, words } = data
  const [root, state] = mount(parentElement, "routes", questions[0].text)
  state.pair ??= [0, questions.length - 1]
  const stage = el("div", "stage pair", root)
  ;[0, 1].forEach((side) => {
    const panel = el("div", "panel", stage)
    select(panel, words.question[side], questions.map((q) => q.text), state.pair[side], (i) => ((state.pair[side] = i), draw()))
    const bars = el("div", "bars", panel)
    const verdict = el("p", "sum", panel)
    verdict.setAttribute("aria-live", "polite")
    const draw = () => {
      const found = questions[state.pair[side]]
      const rows = found.documents.map(([title, share, gold]) => ({ title, share, gold }))
      rows.push({ title: words.null, share: found.null, empty: true })
      rows.sort((a, b) => b.share - a.share)
      bars.replaceChildren()
      for (const row of rows) {
        const line = el("div", `row${row.empty ? " empty" : ""}`, bars)
        el("span", "title", line, row.title + (row.gold ? " ✓" : ""))
        const track = el("span", "track", line)
        el("i", "", track).style.width = 100 * row.share + "%"
        el("b", "", line, `${(100 * row.share).toFixed(1)} %`)
      }
      say(verdict, rows[0].empty ? words.silent : fill(words.reads, { title: rows[0].title }))
    }
    draw()
  })
}
