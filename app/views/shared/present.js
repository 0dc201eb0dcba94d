if (window.tesseraPresent) return
window.tesseraPresent = true
const body = document.body
const cards = () => [...document.querySelectorAll(".st-key-answers > *"), document.querySelector(".st-key-clocks")]
const shown = () => new Set((body.dataset.shown || "").split(" ").filter(Boolean))
const reveal = (number) => {
  const now = shown()
  now.has(number) ? now.delete(number) : now.add(number)
  body.dataset.shown = [...now].join(" ")
}
const next = () => {
  const count = cards().length
  for (let i = 1; i <= count; i++) if (!shown().has(String(i))) return mark(String(i))
}
const mark = (number) => {
  reveal(number)
  draw()
}
const draw = () =>
  cards().forEach((card, i) => card && card.toggleAttribute("data-unrevealed", "present" in body.dataset && !shown().has(String(i + 1))))
const present = () => {
  if (!document.querySelector(".st-key-stage")) return
  body.dataset.present = ""
  body.dataset.shown = ""
  draw()
  window.dispatchEvent(new Event("resize"))
}
const end = () => {
  delete body.dataset.present
  draw()
  window.dispatchEvent(new Event("resize"))
}
const theme = () => {
  const dark = getComputedStyle(document.querySelector(".stApp")).colorScheme === "dark"
  for (const path of PATHS) localStorage.setItem(`stActiveTheme-${path}-v2`, JSON.stringify(dark ? "Light" : "Dark"))
  location.reload()
}
document.addEventListener("click", (event) => {
  if (event.target.closest(".st-key-present button")) present()
  if (event.target.closest(".present-next")) next()
  if (event.target.closest(".present-end")) end()
  if (event.target.closest(".st-key-theme button")) theme()
})
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.target.closest("input, textarea, select, [contenteditable], [role=combobox]")) return
  const presenting = "present" in body.dataset
  if (event.key === "t" || event.key === "T") theme()
  else if (event.key === "p" || event.key === "P") presenting ? end() : present()
  else if (!presenting) return
  else if (event.key === "Escape") end()
  else if (event.key === " " || event.key === "ArrowRight") next()
  else if (/^[1-9]$/.test(event.key)) mark(event.key)
  else return
  event.preventDefault()
})
// Half a screen has no room for the sidebar: it starts closed there, and what was chosen by hand stands.
const CHOSEN = "stSidebarCollapsed"
const choices = () => Object.keys(localStorage).filter((key) => key.startsWith(CHOSEN))
if (innerWidth < 1000 && !choices().length) {
  document.querySelector("[data-testid=stSidebar][data-collapsed=false] [data-testid=stSidebarCollapseButton] button")?.click()
  setTimeout(() => choices().forEach((key) => localStorage.removeItem(key)))
}
// Streamlit draws its elements anew: what is hidden stays hidden.
new MutationObserver(() => "present" in body.dataset && draw()).observe(body, { childList: true, subtree: true })
