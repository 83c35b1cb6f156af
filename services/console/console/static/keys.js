"use strict";
// Keys for what links and forms do as well. Never while somebody types.
(function () {
  const pages = { a: "/accounts", t: "/tasks" };
  let after = "";
  const links = () => [...document.querySelectorAll("[data-row]")].map((row) => row.querySelector("a,summary")).filter(Boolean);
  function step(by) {
    const all = links(), at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input,select,textarea,[contenteditable]");
    if (event.key === "Escape" && typing) { event.target.blur(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key, chord = after;
    after = "";
    if (chord === "g" && pages[key]) location.href = pages[key];
    else if (key === "g") after = "g";
    else if (key === "/") { const find = document.getElementById("q"); if (find) find.focus(); }
    else if (key === "j" || key === "k") step(key === "j" ? 1 : -1);
    else if (key === "?") location.href = "/help/keys";
    else if (key === "L") document.dispatchEvent(new Event("kizashi:pause"));
    else return;
    event.preventDefault();
  });
  const said = new URL(location.href);
  if (said.searchParams.has("said")) { said.searchParams.delete("said"); history.replaceState(null, "", said); }
})();
