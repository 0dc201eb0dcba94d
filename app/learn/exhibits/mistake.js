export default function ({ data, parentElement }) {
  const { found, words } = data
  const [root, state] = mount(parentElement, "mistake", found[0].question)
  state.at ??= 0
  const draw = () => {
    root.replaceChildren()
    const one = found[state.at]
    el("div", "label", root, fill(words.number, { number: state.at + 1, all: found.length }))
    el("p", "question", root, one.question)
    el("div", "label", root, words.said)
    const line = el("div", "sentence", root)
    const result = el("div", "result", root)
    result.setAttribute("aria-live", "polite")
    const reveal = (mark) => {
      show.remove()
      marks.forEach(({ button, wrong }) => {
        button.classList.toggle("wrong", wrong)
        button.disabled = true
      })
      if (mark) say(el("b", "", result), mark.wrong ? words.hit : words.miss)
      el("div", "label", result, words.passage)
      el("p", "", result, one.passage)
      el("p", "sum", result, fill(words.score, { score: one.rouge_l.toFixed(2), answer: one.answers[0] }))
      const next = press(result, words.next, () => {
        state.at = (state.at + 1) % found.length
        draw()
        root.querySelector(".sentence button").focus()
      })
      next.focus()
    }
    const marks = one.said.split(/\s+/).map((word, i) => {
      const mark = { wrong: one.wrong.includes(i) }
      mark.button = press(line, word, () => reveal(mark), "word")
      return mark
    })
    const show = press(result, words.show, () => reveal(null), "press quiet")
  }
  draw()
}
